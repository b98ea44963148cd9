package flags_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
)

func TestRedisBareHSETIsSeenAtOnce(t *testing.T) {
	r := startRedis(t)
	s := sidecar(t, r)
	awaitSubscription(t, r, 1)
	r.do("HSET", flagsKey, "relay-percentage", "100")
	began := time.Now()
	within(t, second, "a bare HSET is in force", func() bool { return serves(s) })
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("a bare HSET took %v: the hint did not come, the poll did", took)
	}
	r.do("HSET", flagsKey, "relay-enabled", "off")
	within(t, second, "the kill switch, spelled off", func() bool { return !s.Decide(flags.Attributes{}).RelayEnabled })
}

// awaitSubscription waits until n sidecars listen.
func awaitSubscription(t testing.TB, r *server, n int64) {
	t.Helper()
	within(t, 10*second, "the sidecars subscribe", func() bool {
		v := r.do("PUBSUB", "NUMSUB", "cutover:{default}:events").([]any)
		return v[1].(int64) >= n
	})
}

func TestRedisWriteIsAuditedComparedAndUndone(t *testing.T) {
	r := startRedis(t)
	ctx := context.Background()
	store, err := flags.OpenRedisStore(flags.RedisOptions{URL: r.url()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	entries, err := store.Write(ctx, set("relay-percentage", "5.0"))
	if err != nil || len(entries) != 1 || entries[0].Old != nil || *entries[0].New != "5" || entries[0].Version != 1 {
		t.Fatalf("first Write = %+v, %v", entries, err)
	}
	if entries, err = store.Write(ctx, set("relay-percentage", "5")); err != nil || len(entries) != 0 {
		t.Fatalf("Write of what is there already = %+v, %v: want no entry", entries, err)
	}
	flip := set("relay-percentage", "50")
	flip.Changes[0].Expect = ptr("5")
	flip.Changes = append(flip.Changes, flags.Change{Key: "shadow-percentage", Value: ptr("10"), Expect: ptr("")})
	if entries, err = store.Write(ctx, flip); err != nil || len(entries) != 2 || *entries[0].Old != "5" || entries[1].Version != 2 {
		t.Fatalf("a flip of two = %+v, %v", entries, err)
	}
	var conflict *flags.ConflictError
	if _, err = store.Write(ctx, flip); !errors.As(err, &conflict) || conflict.Actual != "50" || conflict.Expected != "5" {
		t.Fatalf("the same flip again: %v, want a conflict", err)
	}
	var invalid *flags.InvalidError
	if _, err = store.Write(ctx, set("relay-percentage", "101")); !errors.As(err, &invalid) {
		t.Fatalf("Write of 101: %v, want an InvalidError", err)
	}
	fields, err := store.Fields(ctx)
	f := fields.Values["relay-percentage"]
	if err != nil || fields.Version != 2 || f.Value != "50" || f.Who != "tester@here" || f.Version != 2 || time.Since(f.At) > time.Minute {
		t.Fatalf("Fields = %+v, %v", fields, err)
	}
	if _, err := flags.Undo(ctx, store, "tester@here", "wrong"); err != nil {
		t.Fatal(err)
	}
	if _, err := flags.Undo(ctx, store, "tester@here", "wrong"); err != nil {
		t.Fatal(err)
	}
	fields, err = store.Fields(ctx)
	if err != nil || len(fields.Values) != 0 || fields.Version != 4 {
		t.Fatalf("Fields after two undos = %+v, %v", fields, err)
	}
	history, err := store.History(ctx, "relay-percentage", 100)
	if err != nil || len(history) != 4 || history[0].Undoes != 1 || history[1].Undoes != 2 || history[0].New != nil {
		t.Fatalf("History = %+v, %v", history, err)
	}
}

func TestRedisChangeByHandIsRecordedOnceByAFleet(t *testing.T) {
	r := startRedis(t)
	fleet := make([]*flags.Set, 5)
	for i := range fleet {
		fleet[i] = sidecar(t, r)
	}
	ctx := context.Background()
	if _, err := fleet[0].Store().Write(ctx, set("relay-percentage", "5")); err != nil {
		t.Fatal(err)
	}
	r.do("HSET", flagsKey, "relay-percentage", "30")
	var history []flags.Entry
	within(t, 5*second, "the change by hand is in the audit", func() bool {
		var err error
		history, err = fleet[1].Store().History(ctx, "", 10)
		return err == nil && len(history) == 2
	})
	if e := history[0]; !e.Unaudited || *e.Old != "5" || *e.New != "30" || e.Version != 2 {
		t.Errorf("entry = %+v", e)
	}
	for _, s := range fleet {
		within(t, second, "version 2 everywhere", func() bool { return s.State().Version == 2 })
	}
}

// A change by hand that nobody has noticed yet is recorded before a flip writes
// over it, and undo takes back the flip alone.
func TestRedisChangeByHandIsNotLostUnderAFlip(t *testing.T) {
	r := startRedis(t)
	ctx := context.Background()
	store, err := flags.OpenRedisStore(flags.RedisOptions{URL: r.url()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if _, err := store.Write(ctx, set("relay-percentage", "5")); err != nil {
		t.Fatal(err)
	}
	r.do("HSET", flagsKey, "relay-percentage", "60")
	entries, err := store.Write(ctx, set("relay-percentage", "0"))
	if err != nil || len(entries) != 1 || *entries[0].Old != "60" || entries[0].Version != 3 {
		t.Fatalf("Write = %+v, %v", entries, err)
	}
	history, err := store.History(ctx, "", 10)
	if err != nil || len(history) != 3 || !history[1].Unaudited ||
		*history[1].Old != "5" || *history[1].New != "60" || history[1].Version != 2 {
		t.Fatalf("History = %+v, %v", history, err)
	}
	if _, err := flags.Undo(ctx, store, "tester@here", ""); err != nil {
		t.Fatal(err)
	}
	fields, err := store.Fields(ctx)
	if err != nil || fields.Values["relay-percentage"].Value != "60" {
		t.Errorf("after undo: %+v, %v", fields, err)
	}
}

func TestLegitimateUnsetOfTheLastFlag(t *testing.T) {
	r := startRedis(t)
	s := sidecar(t, r)
	ctx := context.Background()
	if _, err := s.Store().Write(ctx, set("relay-percentage", "100")); err != nil {
		t.Fatal(err)
	}
	within(t, second, "100 %", func() bool { return serves(s) })
	unset := flags.Flip{Who: "tester@here", Changes: []flags.Change{{Key: "relay-percentage"}}}
	if _, err := s.Store().Write(ctx, unset); err != nil {
		t.Fatal(err)
	}
	within(t, second, "the default", func() bool { return !serves(s) })
	if st := s.State(); st.Status != flags.Ready {
		t.Errorf("State after a legitimate unset = %+v", st)
	}
}

func TestRedisURLs(t *testing.T) {
	for url, want := range map[string]string{
		"127.0.0.1:6379":                     "no scheme",
		"http://x":                           "unknown scheme",
		"redis://a:1,b:2":                    "several hosts",
		"redis-sentinel://a:1,b:2":           "master's name",
		"redis-cluster://a:1/3":              "no database",
		"redis://a/x":                        "not a number",
		"redis://user:s3cret%ZZ@a":           "percent-encoded",
		"redis://a?db=3":                     "options after ?",
		"rediss-sentinel://u:s3cret@,b/main": "host is missing",
	} {
		_, err := flags.OpenRedisStore(flags.RedisOptions{URL: url})
		if err == nil || !contains(err.Error(), want) || contains(err.Error(), "s3cret") {
			t.Errorf("%q: %v, want %q and no password", url, err, want)
		}
	}
	o := flags.Options{Redis: &flags.RedisOptions{URL: "redis://127.0.0.1:1", TLS: flags.TLSFiles{CA: "/x"}}, Logger: zerolog.Nop()}
	if _, err := flags.Open(context.Background(), o); err == nil || !contains(err.Error(), "rediss") {
		t.Errorf("TLS files without TLS: %v", err)
	}
}
