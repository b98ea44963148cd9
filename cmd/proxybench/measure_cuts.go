package main

import "context"

// CutRow counts the short streamed responses that were incomplete.
type CutRow struct {
	Kind        kind    `json:"kind"`
	Concurrency int     `json:"concurrency"`
	Sent        int64   `json:"sent"`
	Cut         int64   `json:"cut"`       // truncated
	Differing   int64   `json:"differing"` // complete, but different
	Failed      int64   `json:"failed"`    // no response, or an error status
	FirstWhy    string  `json:"first_why,omitempty"`
	PerSecond   float64 `json:"per_second"`
}

// cutConcurrencies are the numbers of concurrent callers.
func cutConcurrencies() []int { return []int{1, 8, 200} }

// contrastCuts bounds the streams for the proxy that truncates responses: a few
// thousand are enough to show it.
const contrastCuts = 4000

// cutChunks is the length of a short streamed response.
const cutChunks = 4

// measureCuts sends POSTs whose responses are streams that end at once.
func (b *bench) measureCuts(ctx context.Context) error {
	requests, err := makeRequests(streamModel(cutChunks, 0), "bench.local", 64)
	if err != nil {
		return err
	}
	for _, k := range []kind{unread, cutoverOff, cutoverFull} {
		c, err := b.contender(ctx, k)
		if err != nil {
			return err
		}
		n := int64(b.opt.cuts)
		if k == unread {
			n = min(n, contrastCuts)
		}
		for _, concurrency := range cutConcurrencies() {
			b.say("cuts: %s: %d short streams, %d at a time", k.title(), n, concurrency)
			s, err := b.turn(ctx, c, load{requests: requests, concurrency: concurrency, most: n})
			if err != nil {
				return err
			}
			row := CutRow{
				Kind: k, Concurrency: concurrency, Sent: s.sent, PerSecond: s.perSecond(),
				Cut: s.cut, Differing: s.differing, Failed: s.failed,
			}
			if s.firstErr != nil {
				row.FirstWhy = s.firstErr.Error()
			}
			b.report.Cuts = append(b.report.Cuts, row)
		}
	}
	return nil
}
