package main

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cutover/compare"
	"cutover/internal/mock"
	"cutover/internal/store"
)

// TestVerdicts mirrors real traffic to relays that are worse in one way each:
// the report must tell them apart, and must raise nothing about a relay that
// is the same model again. CUTOVER_TEST_VERDICTS=full runs the latter twenty
// times with 2,000 pairs each.
func TestVerdicts(t *testing.T) {
	same := mock.Config{Seed: 11, JournalSize: 1, Speech: mock.Speech{Noise: .2, ResponseTokens: 260}}
	relay := func(change func(*mock.Config)) mock.Config {
		c := same
		c.DrawSeed = 77
		change(&c)
		return c
	}
	for _, row := range []struct {
		name    string
		relay   mock.Config
		pairs   int
		asks    string                   // what requests are like: "text", "stream", "tools" or "messages"
		allowed []compare.Recommendation // one of these
		said    string                   // somewhere in the conclusion, its reasons or the significant codes
	}{
		{"another model", relay(func(c *mock.Config) { c.Voice = "some other model" }), 500, "text", []compare.Recommendation{compare.Review},
			"responses differ"},
		{"truncates at 200 tokens", relay(func(c *mock.Config) { c.TruncateAt = 200 }), 500, "text", []compare.Recommendation{compare.Stop},
			"text.truncated"},
		{"breaks tool arguments in 5 %", relay(func(c *mock.Config) { c.BreakToolArguments = .05 }), 1500, "tools",
			[]compare.Recommendation{compare.Stop, compare.Review}, "tools."},
		{"bills 20 % more tokens", relay(func(c *mock.Config) { c.Bill = 1.2 }), 500, "text", []compare.Recommendation{compare.Stop},
			"input tokens"},
		{"streams without [DONE]", relay(func(c *mock.Config) { c.Faults = []mock.Fault{{Kind: "no-done", Rate: 1}} }), 300, "stream",
			[]compare.Recommendation{compare.Stop}, "no_done"},
		{"streams out of order", relay(func(c *mock.Config) { c.Faults = []mock.Fault{{Kind: "wrong-order", Rate: 1}} }), 300, "messages",
			[]compare.Recommendation{compare.Stop}, "conformance.order"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			report := mirrored(t, same, row.relay, row.pairs, row.asks)
			if text := conclusionText(&report); !oneOf(report.Conclusion.Answer, row.allowed) || !strings.Contains(text, row.said) {
				t.Errorf("got %s, want %v with %q in:\n%s\nnoise %+v", report.Conclusion.Answer, row.allowed, row.said, text, report.Noise)
			}
		})
	}
	runs, pairs := 1, 500
	if os.Getenv("CUTOVER_TEST_VERDICTS") == "full" {
		runs, pairs = 20, 2000
	}
	for run := range runs {
		t.Run(fmt.Sprint("the same model, run ", run), func(t *testing.T) {
			primary := same
			primary.Seed = uint64(run + 1)
			again := primary
			again.DrawSeed = uint64(1000 + run)
			for _, asks := range []string{"mixed"} {
				report := mirrored(t, primary, again, pairs, asks)
				for _, f := range report.Findings {
					if f.Significant {
						t.Errorf("significant: %+v", f)
					}
				}
				if oneOf(report.Conclusion.Answer, []compare.Recommendation{compare.Stop, compare.Review}) || report.Noise.Differs == compare.Yes {
					t.Errorf("%s:\n%s", report.Conclusion.Answer, conclusionText(&report))
				}
			}
		})
	}
}

func oneOf(got compare.Recommendation, list []compare.Recommendation) bool {
	for _, one := range list {
		if got == one {
			return true
		}
	}
	return false
}

// conclusionText is what the report says first, and its significant codes.
func conclusionText(r *compare.Report) string {
	text := r.Conclusion.Sentence + "\n" + strings.Join(r.Conclusion.Reasons, "\n")
	for _, f := range r.Findings {
		if f.Significant {
			text += "\nsignificant " + f.Code
		}
	}
	return text
}

// mirrored sends so many requests through a sidecar with both providers and
// returns the report.
func mirrored(t *testing.T, primaryConfig, relayConfig mock.Config, pairs int, asks string) compare.Report {
	t.Helper()
	primary, relay := startProvider(t, primaryConfig), startProvider(t, relayConfig)
	r := startSidecar(t, primary, relay, mirrorAll, "CUTOVER_FLAGS_NOISE_PERCENTAGE=50", "CUTOVER_LOG_LEVEL=warn",
		"CUTOVER_SHADOW_MAX_CONCURRENCY=1000")
	client := newHTTPClient(t)
	var next atomic.Int64
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for {
				i := int(next.Add(1))
				if i > pairs || t.Failed() {
					return
				}
				if _, err := verdictRequest(i, asks).send(within(t), client, r.URL()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	eventually(t, "an outcome for each request", func() bool { return r.Mirror.Counts().Total() == uint64(pairs) },
		func() any { return r.Mirror.Counts().All() })
	if dropped := r.Mirror.Counts().Get(compare.Dropped); dropped > 0 {
		t.Errorf("%d copies were dropped: %v", dropped, r.Mirror.Counts().All())
	}
	if err := r.Ledger.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	report, err := store.Report(within(t), r.Results, store.Filter{}, compare.Criteria{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// verdictRequest is the i-th request of a kind; each asks something else.
func verdictRequest(i int, asks string) loadRequest {
	if asks == "mixed" {
		asks = [...]string{"text", "stream", "tools"}[i%3]
	}
	more := ""
	if asks == "messages" {
		return loadRequest{asks, fmt.Sprintf(
			`{"model":"claude-sonnet-4-5","max_tokens":500,"stream":true,"messages":[{"role":"user","content":"Question %d: how would you `+
				`explain subject %d to a child?"}]}`,
			i,
			i*7,
		)}
	}
	switch asks {
	case "stream":
		more = `,"stream":true`
	case "tools":
		more = `,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","required":["place","days"],` +
			`"properties":{"place":{"type":"string"},"days":{"type":"integer","minimum":1,"maximum":10}}}}}],"tool_choice":"required"`
	}
	return loadRequest{"chat/completions", fmt.Sprintf(
		`{"model":"gpt-4o","user":"user-%d","messages":[{"role":"user","content":"Question %d: how would you explain subject %d to a `+
			`child?"}]%s}`,
		i,
		i,
		i*7,
		more,
	)}
}
