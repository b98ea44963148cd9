package main

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"cutover/compare"
	"cutover/internal/mock"
)

// scenario is what one program does with the official SDKs.
type scenario struct {
	name     string
	provider mock.Config // how both providers behave
	key      string      // the caller's, if another than usual
	retries  int         // by the SDK
	left     bool        // the caller does not stay to the end
	broken   bool        // the provider gives no response: the sidecar's own error differs from a broken connection
	bound    int         // inference requests that only the primary can serve
	run      func(*caller)
}

func scenarios() []scenario {
	return slices.Concat(openaiScenarios(), anthropicScenarios(), objectScenarios(), failureScenarios())
}

// TestSDK plays each scenario three times: against the provider itself,
// through a sidecar, and through one that mirrors everything to a second
// provider. Nobody may notice a difference.
func TestSDK(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			s.play(t)
		})
	}
}

func (s *scenario) play(t *testing.T) {
	plain := startProvider(t, s.config("primary"))
	direct := s.caller(t, plain.url, plain)
	sidecar := startSidecar(t, startProvider(t, s.config("primary")), nil)
	through := s.caller(t, sidecar.URL(), sidecar.primary)
	mirroring := startSidecar(t, startProvider(t, s.config("primary")), startProvider(t, s.config("relay")), mirrorAll)
	mirrored := s.caller(t, mirroring.URL(), mirroring.primary)
	var group sync.WaitGroup
	for _, c := range []*caller{direct, through, mirrored} {
		group.Go(func() { s.run(c) })
	}
	group.Wait()

	want := direct.transcript()
	for _, line := range want {
		if strings.Contains(line, unexpected) {
			t.Errorf("already without a sidecar: %s", line)
		}
	}
	if len(want) == 0 {
		t.Error("the scenario saw nothing")
	}
	s.check(t, "through the sidecar", sidecar, direct, through)
	s.check(t, "with mirroring", mirroring, direct, mirrored)
	s.checkMirror(t, mirroring)
}

// config is how one of the providers behaves. Their texts are the same.
func (s *scenario) config(name string) mock.Config {
	cfg := s.provider
	cfg.Name, cfg.Seed = "mock", 7
	if name == "relay" && len(cfg.Keys) > 0 {
		cfg.Keys = []string{relayKey}
	}
	return cfg
}

func (s *scenario) caller(t *testing.T, url string, p *provider) *caller {
	c := newCaller(t, url, p)
	c.retries, c.wire.drain = s.retries, !s.left
	if s.key != "" {
		c.key = s.key
	}
	return c
}

// check compares a run through a sidecar with the direct one.
func (s *scenario) check(t *testing.T, how string, r *rig, direct, through *caller) {
	t.Helper()
	if got, want := through.transcript(), direct.transcript(); !slices.Equal(got, want) {
		t.Errorf("%s the SDK returned something else: %s", how, firstDifference(got, want))
	}
	eventually(
		t,
		"the provider's end of all calls",
		func() bool { return r.primary.Stats().Active == 0 && direct.provider.Stats().Active == 0 },
		func() any { return r.primary.Stats() },
	)
	checkAsked(t, direct.provider, r.primary)
	if s.broken {
		return // the responses differ by nature: 502 here, no response there
	}
	responses := r.primary.responses()
	if s.left && len(through.wire.got) < len(responses) {
		return // nothing was heard of the response
	}
	if len(through.wire.got) != len(responses) || len(direct.wire.got) != len(responses) {
		t.Fatalf("%s: %d responses were given, %d heard, %d heard directly", how, len(responses), len(through.wire.got), len(direct.wire.got))
	}
	for i, h := range through.wire.got {
		checkUntouched(t, responses[i], h)
		checkSameHeard(t, direct.wire.got[i], h)
	}
}

// firstDifference shows where two transcripts part.
func firstDifference(got, want []string) string {
	for i := range max(len(got), len(want)) {
		var g, w string
		if i < len(got) {
			g = got[i]
		}
		if i < len(want) {
			w = want[i]
		}
		if g != w {
			return "line " + strings.Join([]string{"", "got:  " + g, "want: " + w}, "\n")
		}
	}
	return "nowhere"
}

// checkMirror looks at what became of the copies.
func (s *scenario) checkMirror(t *testing.T, r *rig) {
	t.Helper()
	results := r.settled(t)
	copies, skipped := 0, 0
	for _, e := range r.primary.Journal() {
		if mirrorable(e) {
			copies++
		} else {
			skipped++
		}
	}
	copies -= s.bound
	counts := r.Mirror.Counts()
	if got := int(counts.Get(compare.Skipped)); got != skipped+s.bound {
		t.Errorf("%d requests were skipped, want %d: %v", got, skipped+s.bound, counts.All())
	}
	want := compare.Both
	if s.left {
		want = compare.Aborted
	}
	if s.broken {
		return // which of the calls have a response depends on the fault
	}
	if got := int(counts.Get(want)); got != copies || len(results) != copies {
		t.Errorf("%d pairs ended as %s, and %d were stored, want %d: %v", got, want, len(results), copies, counts.All())
	}
	checkCopies(t, r, s.left)
	if s.left {
		checkCalledOff(t, r)
	}
	for _, res := range results {
		if res.Outcome != compare.Both {
			continue
		}
		checkTwins(t, res)
		// Copies overtake each other, so a limit strikes others of them; and the
		// caller's wrong key is not the one that the relay gets.
		if s.provider.RPM == 0 && s.key == "" && res.Primary.Status != res.Relay.Status {
			t.Errorf("%s: status %d and %d from the same provider", res.Endpoint, res.Primary.Status, res.Relay.Status)
		}
	}
}

// checkCalledOff wants the copies of a caller who left to be called off too:
// nobody waits for their responses, and they cost money.
func checkCalledOff(t *testing.T, r *rig) {
	t.Helper()
	eventually(t, "the relay's end of all copies", func() bool { return r.relay.Stats().Active == 0 }, func() any { return r.relay.Stats() })
	for _, e := range r.relay.Journal() {
		if !e.Gone {
			t.Errorf("the shadow request of an abandoned call got its whole response: %d bytes", e.Sent)
		}
	}
}

// checkTwins wants the results of two providers that say the same to say so.
func checkTwins(t *testing.T, r compare.Result) {
	t.Helper()
	if r.Primary.OK() && r.Relay.OK() && !r.Checked {
		t.Errorf("%s: two good responses were not compared: %+v", r.Endpoint, r)
	}
	if r.Checked && (r.Similarity != 1 || !r.TextEqual || !r.ToolsEqual) {
		t.Errorf(
			"%s: similarity %v, text equal %t, tools equal %t, want the same: %+v",
			r.Endpoint,
			r.Similarity,
			r.TextEqual,
			r.ToolsEqual,
			r.Findings,
		)
	}
}
