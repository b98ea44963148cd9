package flags_test

import (
	"context"
	"testing"

	"github.com/rs/zerolog"

	"cutover/flags"
)

// Quotation marks that redis-cli or a shell left around a value do not matter.
func TestValuesInQuotationMarks(t *testing.T) {
	r := startRedis(t)
	r.do("HSET", flagsKey, "relay-percentage", `"100"`, "shadow-percentage", `'100'`, "noise-percentage", ` "0" `,
		"primary-provider", `"primary"`, "fallback-enabled", `'"true"'`)
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, DataDir: t.TempDir(), Logger: zerolog.Nop()})
	if d := s.Decide(flags.Attributes{TargetingKey: "a"}); !d.ServeRelay || !d.Shadow || d.Noise || !d.Fallback ||
		s.State().Status != flags.Ready {
		t.Errorf("Decide = %+v, State = %+v", d, s.State())
	}
	r.do("HSET", flagsKey, "relay-enabled", `'false'`)
	within(t, 3*second, "the kill switch in quotation marks", func() bool { return !s.Decide(flags.Attributes{}).RelayEnabled })
	for _, bad := range []string{`"`, `""`, `"true'`, `'maybe'`, `"'120'"`} {
		if flags.ValidateValue("relay-enabled", bad) == nil {
			t.Errorf("%s is taken for a boolean", bad)
		}
	}
	definition := `"{\"state\":\"ENABLED\",\"variants\":{\"on\":true,\"off\":false},\"defaultVariant\":\"off\"}"`
	if err := flags.ValidateValue("relay-enabled", definition); err != nil {
		t.Errorf("a definition in quotation marks: %v", err)
	}
}

// A Redis that was flushed and then got one flag set does not turn the relay on again.
func TestAKillSwitchSurvivesAFlush(t *testing.T) {
	r := startRedis(t)
	o := flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, DataDir: t.TempDir(), Logger: zerolog.Nop()}
	ctx, cancel := context.WithCancel(context.Background())
	s := open2(t, o)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for _, v := range []string{"true", "false"} {
		if _, err := s.Store().Write(ctx, set("relay-enabled", v)); err != nil {
			t.Fatal(err)
		}
	}
	off := func(s *flags.Set) func() bool {
		return func() bool { return !s.Decide(flags.Attributes{TargetingKey: "a"}).RelayEnabled }
	}
	within(t, 3*second, "the kill switch", off(s))
	r.do("FLUSHALL")
	r.do("HSET", flagsKey, "relay-percentage", "100")
	within(t, 3*second, "STALE", stale(s, "emptied"))
	if !off(s)() {
		t.Fatal("the kill switch was lost with the flush")
	}
	if _, err := s.Store().Write(ctx, set("relay-percentage", "50")); err != nil {
		t.Fatal(err)
	}
	within(t, 3*second, "another flag in force", func() bool { return s.State().Version >= 1 })
	if !off(s)() || !stale(s, "emptied")() {
		t.Errorf("another flag brought the relay back: %+v", s.State())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	again := start(t, o)
	if !off(again)() {
		t.Error("a restart brought the relay back")
	}
	within(t, 3*second, "STALE after a restart", stale(again, "emptied"))
	r.do("HSET", flagsKey, "relay-enabled", "true")
	within(t, 3*second, "on again once it is set", func() bool { return !off(again)() && ready(again)() })
}

// A sidecar that was away during the flush has the last good flags.
func TestAKillSwitchSurvivesAFlushBeforeTheStart(t *testing.T) {
	r := startRedis(t)
	o := flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, DataDir: t.TempDir(), Logger: zerolog.Nop()}
	ctx, cancel := context.WithCancel(context.Background())
	s := open2(t, o)
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	if _, err := s.Store().Write(ctx, set("relay-enabled", "false")); err != nil {
		t.Fatal(err)
	}
	within(t, 3*second, "the kill switch", func() bool { return !s.Decide(flags.Attributes{}).RelayEnabled })
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, command := range [][]any{{"PING"}, {"HSET", flagsKey, "relay-percentage", "100"}} {
		r.do("FLUSHALL")
		r.do(command...)
		again := start(t, o)
		if st := again.State(); again.Decide(flags.Attributes{}).RelayEnabled || st.Status != flags.Stale {
			t.Errorf("after %v the relay is on, or %+v", command, st)
		}
	}
}

// Unsetting the kill switch is no loss.
func TestAKillSwitchCanBeUnset(t *testing.T) {
	r := startRedis(t)
	s := start(t, flags.Options{Redis: &flags.RedisOptions{URL: r.url()}, DataDir: t.TempDir(), Logger: zerolog.Nop()})
	if _, err := s.Store().Write(t.Context(), set("relay-enabled", "false")); err != nil {
		t.Fatal(err)
	}
	within(t, 3*second, "the kill switch", func() bool { return !s.Decide(flags.Attributes{}).RelayEnabled })
	r.do("HDEL", flagsKey, "relay-enabled")
	r.do("HSET", flagsKey, "relay-percentage", "5")
	within(t, 3*second, "it is unset", func() bool { return s.Decide(flags.Attributes{}).RelayEnabled && ready(s)() })
}
