package affinity

import "sync/atomic"

type counts struct{ lookups, failed, crowded, learned, stored, dropped atomic.Uint64 }

// State is a Table's state for metrics and for /api/v1/status. The counts are
// since the start.
type State struct {
	Memory  int    `json:"memory"`  // ids held in memory
	Waiting int    `json:"waiting"` // responses whose ids are not stored yet
	Lookups uint64 `json:"lookups"` // requests that queried the store
	Failed  uint64 `json:"failed"`  // lookups without a reply in time
	Crowded uint64 `json:"crowded"` // lookups skipped because too many were in progress
	Learned uint64 `json:"learned"` // ids
	Stored  uint64 `json:"stored"`  // ids
	Dropped uint64 `json:"dropped"` // ids that could not be stored
	Failing bool   `json:"failing"` // the store does not reply
}

// State returns the current state.
func (t *Table) State() State {
	c := &t.counts
	return State{
		Memory: t.cache.size(), Waiting: len(t.queue), Failing: t.failing.Load(),
		Lookups: c.lookups.Load(), Failed: c.failed.Load(), Crowded: c.crowded.Load(),
		Learned: c.learned.Load(), Stored: c.stored.Load(), Dropped: c.dropped.Load(),
	}
}
