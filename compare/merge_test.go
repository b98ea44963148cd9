package compare_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/mergetest"
)

func TestNoiseMerges(t *testing.T) {
	t.Parallel()
	mergetest.Check(t, mergetest.Kind[compare.NoiseAggregate, compare.Triple]{
		Draw: func(t *rapid.T) compare.Triple {
			d := rapid.SampledFrom([]float64{0, .1, .25, .5, 1})
			return compare.Triple{Self: d.Draw(t, "self"), Relay: d.Draw(t, "relay"), Again: d.Draw(t, "again")}
		},
		Add:   (*compare.NoiseAggregate).Add,
		Merge: (*compare.NoiseAggregate).Merge,
		Says:  func(n compare.NoiseAggregate) any { return n },
	})
}

// A summary's report is the same, bit for bit, whatever the order of evidence
// and whoever saw which share of it.
func TestReportsDoNotDependOnTheOrderOfEvidence(t *testing.T) {
	t.Parallel()
	results := evidence()
	mergetest.Check(t, mergetest.Kind[compare.Summary, int]{
		Draw:  func(t *rapid.T) int { return rapid.IntRange(0, len(results)-1).Draw(t, "result") },
		Add:   func(s *compare.Summary, i int) { s.Add(results[i]) },
		Merge: (*compare.Summary).Merge,
		Says: func(s compare.Summary) any {
			report, err := json.Marshal(compare.NewReport(&s, compare.ReportOptions{}))
			if err != nil {
				return err
			}
			return string(report)
		},
	})
}

// evidence is one result of each kind that moves a report.
func evidence() []compare.Result {
	var out []compare.Result
	classes := []exchange.Class{"", "", exchange.ClassServer, exchange.ClassAborted, exchange.ClassUnfinished}
	for i, class := range classes {
		for j, other := range classes {
			p := pair("The sky is blue. It has always been.", "The sky is blue. It was green.")
			p.Request.ID = fmt.Sprintf("01J%02d%02d", i, j)
			p.Request.At = p.Request.At.Add(time.Duration(i*7+j) * time.Hour)
			p.Request.Facts.Model = []string{"a", "b"}[(i+j)%2]
			p.Primary.Class, p.Relay.Class = class, other
			p.Relay.TTFT += time.Duration(i*j) * 10 * time.Millisecond
			if class == "" {
				p.Rerun = answer(exchange.Primary, "The sky is grey.")
			}
			if other == "" && i == 1 {
				p.Relay.Completion.FinishReason = "length"
			}
			r := compare.Compare(p, compare.Options{
				PrimaryPrices: compare.Prices{"a": {Input: 1, Output: 2}}, RelayPrices: compare.Prices{"default": {Input: 2, Output: 1}},
			})
			r.Burst, r.Sampled = j%3 == 0, i%2 == 0
			out = append(out, r)
		}
	}
	return out
}

// pair is a pair of two good streamed answers with these texts.
func pair(primary, relay string) compare.Pair {
	return compare.Pair{
		Request: &exchange.Request{
			ID: "01J", Endpoint: &exchange.Endpoint{Name: "chat/completions", Dialect: exchange.OpenAIChat, Kind: exchange.Inference},
			Facts: exchange.Facts{Model: "gpt-4o", Stream: true, Valid: true}, At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		},
		Primary: answer(exchange.Primary, primary), Relay: answer(exchange.Relay, relay), Outcome: compare.Both,
	}
}

// answer is a good streamed answer.
func answer(arm exchange.Arm, text string) *exchange.Exchange {
	return &exchange.Exchange{
		Arm: arm, Upstream: arm.String(), Model: "gpt-4o", Status: 200, Streamed: true, Events: 12, Bytes: 4000,
		TTFB: 20 * time.Millisecond, TTFT: 50 * time.Millisecond, Total: 550 * time.Millisecond,
		Usage:      exchange.Usage{Known: true, InputTokens: 100, OutputTokens: 51},
		Completion: exchange.Completion{ID: "chatcmpl-1", Model: "gpt-4o", Text: text, TextBytes: len(text), FinishReason: "stop", Choices: 1},
	}
}
