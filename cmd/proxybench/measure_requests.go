package main

import (
	"context"
	"fmt"
)

// RequestRow is one contender's cost of a request with an immediate response.
type RequestRow struct {
	Kind      kind      `json:"kind"`
	CPUMicros float64   `json:"cpu_us_per_request"` // of the proxy; median of the rounds
	Ratio     float64   `json:"cpu_ratio"`          // relative to the plain Go proxy, median of the rounds' ratios
	Ratios    []float64 `json:"cpu_ratios"`         // of each round
	PerSecond float64   `json:"requests_per_second"`
	Traffic
}

// Traffic says whether the measured work was really done.
type Traffic struct {
	Sent     int64            `json:"sent"`
	Bad      int64            `json:"bad"` // responses that are truncated, different or missing
	BadWhy   string           `json:"bad_why,omitempty"`
	Mirrored *float64         `json:"mirrored_percent,omitempty"` // requests that reached the relay
	Compared *float64         `json:"compared_percent,omitempty"` // pairs of two complete responses that were compared
	Outcomes map[string]int64 `json:"mirror_outcomes,omitempty"`
}

// enough is the percentage of requests that a sidecar at 100 % must have compared for
// its figures to count as mirroring everything.
const enough = 99

// whole reports whether all responses were right, and everything was compared.
func (t Traffic) whole() bool { return t.Bad == 0 && (t.Compared == nil || *t.Compared >= enough) }

// traffic adds up the rounds.
func traffic(k kind, rounds []sample) Traffic {
	var t Traffic
	var mirrored int64
	for _, s := range rounds {
		t.Sent += s.sent
		t.Bad += s.bad()
		mirrored += s.mirrored
		if s.firstErr != nil && t.BadWhy == "" {
			t.BadWhy = s.firstErr.Error()
		}
		for name, n := range s.outcomes {
			if n == 0 {
				continue
			}
			if t.Outcomes == nil {
				t.Outcomes = map[string]int64{}
			}
			t.Outcomes[name] += n
		}
	}
	percent := func(n int64) *float64 {
		p := 100 * float64(n) / float64(max(t.Sent, 1))
		return &p
	}
	if k.mirrors() {
		t.Mirrored = percent(mirrored)
	}
	if k == cutoverFull {
		t.Compared = percent(t.Outcomes["both"])
	}
	return t
}

// measureRequests measures requests with JSON responses.
func (b *bench) measureRequests(ctx context.Context) error {
	requests, err := makeRequests(modelJSON, "bench.local", 64)
	if err != nil {
		return err
	}
	kinds := append([]kind{direct, pooled}, b.proxies()...)
	taken, err := b.rounds(ctx, "requests", b.opt.rounds, kinds, load{
		requests: requests, concurrency: b.opt.concurrency, lasting: b.opt.slot, charged: true,
	})
	if err != nil {
		return err
	}
	for _, k := range kinds {
		row := RequestRow{
			Kind: k, PerSecond: median(each(taken[k], sample.perSecond)), Traffic: traffic(k, taken[k]),
		}
		if k != direct {
			row.CPUMicros = median(each(taken[k], sample.cpuPerRequest))
			row.Ratios = against(taken[k], taken[plain], cpuRatio)
			row.Ratio = median(row.Ratios)
		}
		b.report.Requests = append(b.report.Requests, row)
	}
	return nil
}

func cpuRatio(s, ref sample) float64 { return s.cpuPerRequest() / ref.cpuPerRequest() }

// StreamRow is one contender's cost of a streamed response.
type StreamRow struct {
	Kind           kind      `json:"kind"`
	CPUMillis      float64   `json:"cpu_ms_per_stream"`
	MicrosPerChunk float64   `json:"cpu_us_per_chunk"`
	Ratio          float64   `json:"cpu_ratio"`
	Ratios         []float64 `json:"cpu_ratios"`
	PerSecond      float64   `json:"streams_per_second"`
	Traffic
}

// measureStreams measures streams whose chunks arrive one by one.
func (b *bench) measureStreams(ctx context.Context) error {
	requests, err := makeRequests(streamModel(b.opt.chunks, b.opt.gap), "bench.local", 64)
	if err != nil {
		return err
	}
	kinds := b.proxies()
	taken, err := b.rounds(ctx, "streams", b.opt.rounds, kinds, load{
		requests: requests, concurrency: b.opt.streamConcurrency, lasting: b.opt.slot, charged: true,
	})
	if err != nil {
		return err
	}
	for _, k := range kinds {
		cpu := median(each(taken[k], sample.cpuPerRequest))
		ratios := against(taken[k], taken[plain], cpuRatio)
		b.report.Streams = append(b.report.Streams, StreamRow{
			Kind: k, CPUMillis: cpu / 1e3, MicrosPerChunk: cpu / float64(b.opt.chunks),
			Ratio: median(ratios), Ratios: ratios,
			PerSecond: median(each(taken[k], sample.perSecond)), Traffic: traffic(k, taken[k]),
		})
	}
	return nil
}

// LatencyRow is how long one contender's callers wait for a complete response. Times
// are in microseconds, medians of the rounds.
type LatencyRow struct {
	Kind        kind    `json:"kind"`
	Concurrency int     `json:"concurrency"`
	P50         float64 `json:"p50_us"`
	P99         float64 `json:"p99_us"`
	AddedP50    float64 `json:"added_p50_us"` // above direct calls of the same round
	AddedP99    float64 `json:"added_p99_us"`
	Traffic
}

// latencyConcurrencies are the numbers of concurrent callers.
func latencyConcurrencies() []int { return []int{1, 8} }

func (s sample) p50() float64 { return micros(quantile(s.latencies, .5)) }
func (s sample) p99() float64 { return micros(quantile(s.latencies, .99)) }

// measureLatency measures added latency, with few callers so that they do not wait
// for a busy machine.
func (b *bench) measureLatency(ctx context.Context) error {
	requests, err := makeRequests(modelJSON, "bench.local", 64)
	if err != nil {
		return err
	}
	kinds := append([]kind{direct}, b.proxies()...)
	for _, concurrency := range latencyConcurrencies() {
		taken, err := b.rounds(ctx, fmt.Sprintf("latency, %d at a time", concurrency), b.opt.rounds, kinds, load{
			requests: requests, concurrency: concurrency, lasting: b.opt.slot * 2 / 3,
		})
		if err != nil {
			return err
		}
		for _, k := range kinds {
			b.report.Latency = append(b.report.Latency, LatencyRow{
				Kind: k, Concurrency: concurrency,
				P50:      median(each(taken[k], sample.p50)),
				P99:      median(each(taken[k], sample.p99)),
				AddedP50: median(against(taken[k], taken[direct], func(s, ref sample) float64 { return s.p50() - ref.p50() })),
				AddedP99: median(against(taken[k], taken[direct], func(s, ref sample) float64 { return s.p99() - ref.p99() })),
				Traffic:  traffic(k, taken[k]),
			})
		}
	}
	return nil
}
