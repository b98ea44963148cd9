package flags_test

import (
	"context"
	"testing"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"cutover/flags"
)

func ptr[T any](v T) *T { return &v }

// open starts a set from configuration alone.
func open(t testing.TB, v flags.Values) *flags.Set {
	t.Helper()
	s, err := flags.Open(context.Background(), flags.Options{Initial: v, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("Open(%+v): %v", v, err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestDefaultsSendEverythingToThePrimary(t *testing.T) {
	d := open(t, flags.Values{}).Decide(flags.Attributes{TargetingKey: "anybody"})
	want := flags.Decision{RelayEnabled: true, Fallback: true}
	if d != want {
		t.Errorf("Decide with no flag set = %+v, want %+v", d, want)
	}
}

func TestKillSwitchForbidsEverythingTowardsTheRelay(t *testing.T) {
	s := open(t, flags.Values{
		RelayEnabled: ptr(false), RelayPercentage: ptr(100.0), ShadowPercentage: ptr(100.0),
		NoisePercentage: ptr(100.0), PrimaryProvider: ptr("relay"),
	})
	d := s.Decide(flags.Attributes{TargetingKey: "anybody"})
	if d.RelayEnabled || d.ServeRelay || d.Shadow || d.Noise || d.ReferenceRelay {
		t.Errorf("with relay-enabled=false Decide = %+v, want nothing for the relay", d)
	}
	if d.Reasons[flags.RelayEnabled] != flags.ReasonStatic || d.Reasons[flags.FallbackEnabled] != flags.ReasonDefault {
		t.Errorf("reasons = %v, want relay-enabled STATIC and fallback-enabled DEFAULT", d.Reasons)
	}
}

func TestNoiseOnlyWithShadow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.Float64Range(0, 100)
		s := openRapid(t, flags.Values{ShadowPercentage: ptr(share.Draw(t, "shadow")), NoisePercentage: ptr(share.Draw(t, "noise"))})
		d := s.Decide(flags.Attributes{TargetingKey: rapid.String().Draw(t, "key")})
		if d.Noise && !d.Shadow {
			t.Fatalf("%+v: noise without shadow", d)
		}
	})
}

func openRapid(t *rapid.T, v flags.Values) *flags.Set {
	s, err := flags.Open(context.Background(), flags.Options{Initial: v, Logger: zerolog.Nop()})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestDirectPathAllocatesNothing(t *testing.T) {
	s := open(t, flags.Values{RelayPercentage: ptr(50.0), ShadowPercentage: ptr(50.0), NoisePercentage: ptr(50.0)})
	a := flags.Attributes{TargetingKey: "0123456789abcdef0123456789abcdef", Model: "gpt-4o", Endpoint: "chat/completions"}
	if n := testing.AllocsPerRun(1000, func() { s.Decide(a) }); n != 0 {
		t.Errorf("Decide allocates %v times, want 0", n)
	}
}

func BenchmarkDecideDirect(b *testing.B) {
	s := open(b, flags.Values{RelayPercentage: ptr(50.0), ShadowPercentage: ptr(50.0), NoisePercentage: ptr(50.0)})
	a := flags.Attributes{TargetingKey: "0123456789abcdef0123456789abcdef", Model: "gpt-4o", Endpoint: "chat/completions"}
	b.ReportAllocs()
	for b.Loop() {
		s.Decide(a)
	}
}
