package affinity

import (
	"context"
	"time"
)

const (
	writeTimeout = 2 * time.Second // for one write to the store
	maxBatch     = 256             // lessons written together
)

// Run stores what is learned until ctx is done, then what is left, and returns
// nil. Call it once, and end it after the last Learn.
func (t *Table) Run(ctx context.Context) error {
	retry := time.NewTimer(time.Hour)
	defer retry.Stop()
	var batch []lesson
	for {
		var more <-chan lesson
		if len(batch) < maxBatch {
			more = t.queue
		}
		select {
		case l := <-more:
			if batch = append(batch, l); len(batch) > 1 {
				continue // the store failed: wait for the next try
			}
			batch = t.write(ctx, t.fillBatch(batch))
		case <-retry.C:
			batch = t.write(ctx, batch)
		case <-ctx.Done():
			close(t.stopped)
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
			defer cancel()
			for batch = t.fillBatch(batch); len(batch) > 0 || len(t.queue) > 0; batch = t.fillBatch(nil) {
				for _, l := range t.write(last, batch) {
					t.drop(l)
				}
			}
			return nil
		}
		if len(batch) > 0 {
			retry.Reset(storeBackoff)
		}
	}
}

// fillBatch adds what is in the queue, up to a full batch.
func (t *Table) fillBatch(batch []lesson) []lesson {
	for len(batch) < maxBatch {
		select {
		case l := <-t.queue:
			batch = append(batch, l)
		default:
			return batch
		}
	}
	return batch
}

// write stores a batch, in one write for each owner and duration, and returns
// what has to be tried again.
func (t *Table) write(ctx context.Context, batch []lesson) (left []lesson) {
	limited, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	for len(batch) > 0 {
		first := batch[0]
		var ids []string
		var rest []lesson
		same := batch[:0:0]
		for _, l := range batch {
			if l.owner == first.owner && l.keep == first.keep {
				same = append(same, l)
				ids = append(ids, l.ids...)
			} else {
				rest = append(rest, l)
			}
		}
		batch = rest
		err := t.c.Store.SetOwner(limited, first.owner, ids, first.keep)
		if ctx.Err() == nil || err == nil {
			t.reportHealth(err)
		}
		if err != nil {
			left = append(left, same...)
			continue
		}
		t.counts.stored.Add(uint64(len(ids)))
		for i := range same {
			same[i].finish()
		}
	}
	return left
}
