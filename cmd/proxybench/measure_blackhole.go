package main

import (
	"context"
	"fmt"
	"time"
)

// BlackHoleRow compares what callers of a sidecar see while the relay accepts all
// shadow requests but never responds with what they see without mirroring. Times are
// in microseconds, medians of the rounds.
type BlackHoleRow struct {
	Concurrency int     `json:"concurrency"`
	OffP50      float64 `json:"off_p50_us"`
	OffP99      float64 `json:"off_p99_us"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	MoreP50     float64 `json:"more_p50_us"` // median of the rounds' differences
	MoreP99     float64 `json:"more_p99_us"`
	OffPeakMiB  float64 `json:"off_peak_mib"` // peak resident memory, after all rounds
	PeakMiB     float64 `json:"peak_mib"`
	FirstMiB    float64 `json:"first_mib"` // resident after the first round
	LastMiB     float64 `json:"last_mib"`  // and after the last one
	Off         Traffic `json:"off"`
	Silent      Traffic `json:"silent"`
	// Outcomes counts how all shadow requests ended, including those of the warm-up.
	Outcomes map[string]int64 `json:"outcomes"`
}

// silentTurns is the number of parts of a turn: the difference is small compared with
// other disturbances, so the two contenders alternate often.
const silentTurns = 4

// silentTurn is the shortest useful part.
const silentTurn = 200 * time.Millisecond

// measureBlackHole measures served calls while the mirror hangs.
func (b *bench) measureBlackHole(ctx context.Context) error {
	requests, err := makeRequests(modelJSON, "bench.local", 64)
	if err != nil {
		return err
	}
	for _, k := range []kind{cutoverOff, cutoverSilent} {
		if err := b.replace(ctx, k); err != nil {
			return err
		}
	}
	turns, lasting := b.opt.rounds*silentTurns, b.opt.slot/silentTurns
	if lasting < silentTurn {
		turns, lasting = b.opt.rounds, b.opt.slot
	}
	for _, concurrency := range latencyConcurrencies() {
		before, err := b.standing[cutoverSilent].mirrorOutcomes(ctx)
		if err != nil {
			return err
		}
		taken, err := b.rounds(ctx, fmt.Sprintf("silent relay, %d at a time", concurrency),
			turns, []kind{cutoverOff, cutoverSilent},
			load{requests: requests, concurrency: concurrency, lasting: lasting})
		if err != nil {
			return err
		}
		outcomes, err := b.standing[cutoverSilent].mirrorOutcomes(ctx)
		if err != nil {
			return err
		}
		for name, n := range before {
			if name != inFlight {
				outcomes[name] -= n
			}
		}
		off, silent := taken[cutoverOff], taken[cutoverSilent]
		first, last := silent[0], silent[len(silent)-1]
		b.report.BlackHole = append(b.report.BlackHole, BlackHoleRow{
			Concurrency: concurrency,
			OffP50:      median(each(off, sample.p50)),
			OffP99:      median(each(off, sample.p99)),
			P50:         median(each(silent, sample.p50)),
			P99:         median(each(silent, sample.p99)),
			MoreP50:     median(against(silent, off, func(s, ref sample) float64 { return s.p50() - ref.p50() })),
			MoreP99:     median(against(silent, off, func(s, ref sample) float64 { return s.p99() - ref.p99() })),
			OffPeakMiB:  float64(off[len(off)-1].peak) / mib,
			PeakMiB:     float64(last.peak) / mib,
			FirstMiB:    float64(first.resident) / mib,
			LastMiB:     float64(last.resident) / mib,
			Off:         traffic(cutoverOff, off),
			Silent:      traffic(cutoverSilent, silent),
			Outcomes:    outcomes,
		})
	}
	return nil
}

// replace gives a kind a fresh process, whose memory no other measurement has
// affected.
func (b *bench) replace(ctx context.Context, k kind) error {
	if old := b.standing[k]; old != nil {
		old.proc.stop()
		delete(b.standing, k)
	}
	_, err := b.contender(ctx, k)
	return err
}
