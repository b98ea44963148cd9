package store

import (
	"context"
	"time"

	"cutover/compare"
)

// Backend is where a sidecar keeps what the comparisons found, and where
// commands read it: a Store on this machine's disk, or a Redis that a fleet
// shares.
type Backend interface {
	// Write stores results and merges sums, both or neither.
	Write(results []compare.Result, sums map[time.Time]*compare.Summary, now time.Time) error
	Put(...compare.Result) error
	Results(context.Context, Filter) ([]compare.Result, error)
	AddSummaries(parts map[time.Time]*compare.Summary, now time.Time) error
	Summary(context.Context, Filter) (compare.Summary, error)
	PutSamples(ctx context.Context, entries []SampleEntry, now time.Time) error
	Sample(ctx context.Context, id string) (compare.Sample, error)
	SampleResults(context.Context, Filter) ([]compare.Result, error)
	// Salt is 32 random bytes, the same for everybody who uses this store.
	Salt(context.Context) ([]byte, error)
	Close() error
}

var (
	_ Backend = (*Store)(nil)
	_ Backend = (*Redis)(nil)
)
