package store

import (
	"context"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
)

// BenchmarkCompareAndStore is what one small pair costs from two exchanges to
// the disk, the sums included.
func BenchmarkCompareAndStore(b *testing.B) {
	s, err := Open(b.TempDir(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	l := NewLedger(s, LedgerOptions{queue: 1 << 16})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	text := "The river turns at the old stone, and then the wind takes a word from the line that nobody wrote; so it goes on until the " +
		"end of the day."
	answer := func(text string) *exchange.Exchange {
		r := result(1).Relay
		return &exchange.Exchange{
			Upstream: "relay", Model: "gpt-4o", Status: 200, Streamed: true,
			TTFB: time.Duration(r.TTFB), TTFT: time.Duration(r.TTFT), Total: time.Duration(r.Total),
			Usage:      exchange.Usage{Known: true, InputTokens: 123, OutputTokens: 45},
			Completion: exchange.Completion{ID: "x", Model: "gpt-4o", Text: text, TextBytes: len(text), FinishReason: "stop"},
		}
	}
	p := compare.Pair{
		Request: &exchange.Request{ID: "01JABCDEFGHJKMNPQRSTVWXYZ0", At: testStart, Endpoint: exchange.Lookup("POST",
			"/v1/chat/completions"), Facts: exchange.Facts{Model: "gpt-4o", Stream: true}},
		Primary: answer(text), Relay: answer(text + " And then?"), Outcome: compare.Both,
	}
	b.ResetTimer()
	for b.Loop() {
		l.Add(compare.Compare(p, compare.Options{}))
	}
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(l.Dropped())/float64(b.N), "dropped/op")
}
