package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// MemoryRow is the memory of one contender while streams are open.
type MemoryRow struct {
	Kind      kind    `json:"kind"`
	Streams   int     `json:"streams"`
	BeforeMiB float64 `json:"before_mib"` // warm, no stream open
	TotalMiB  float64 `json:"total_mib"`  // peak while they were open
	PerStream float64 `json:"kib_per_stream"`
}

// measureMemory opens streams through fresh processes: a heap that was large before
// would hide the memory that streams need.
func (b *bench) measureMemory(ctx context.Context) error {
	kinds := []kind{plain, cutoverOff, cutoverFull}
	if b.nginx != "" {
		kinds = append(kinds, nginxPlain)
	}
	steps := []int{min(growthStreams, b.opt.streams)}
	if b.opt.streams > growthStreams {
		steps = append(steps, b.opt.streams)
	}
	for _, k := range kinds {
		c, err := b.newContender(ctx, k)
		if err != nil {
			return err
		}
		rows, err := b.openStreams(ctx, c, steps)
		c.proc.stop()
		if err != nil {
			return err
		}
		b.report.Memory = append(b.report.Memory, rows...)
	}
	return nil
}

// openStreams opens streams in steps and reads the memory at each step.
func (b *bench) openStreams(ctx context.Context, c *contender, steps []int) ([]MemoryRow, error) {
	requests, err := makeRequests(modelJSON, "bench.local", 64)
	if err != nil {
		return nil, err
	}
	if _, err := b.turn(ctx, c, load{requests: requests, concurrency: 8, most: 400}); err != nil {
		return nil, err
	}
	before, _, err := c.memory()
	if err != nil {
		return nil, err
	}
	held, err := makeRequests(modelHold, "bench.local", 64)
	if err != nil {
		return nil, err
	}
	h := &holder{addr: c.addr, requests: held}
	defer h.close()
	var rows []MemoryRow
	for _, n := range steps {
		b.say("memory: %s: %d open streams", c.title(), n)
		if err := h.open(ctx, n); err != nil {
			return nil, fmt.Errorf("%s: %d open streams: %w", c.title(), n, err)
		}
		most, err := b.watchMemory(ctx, c)
		if err != nil {
			return nil, err
		}
		if err := h.broken(); err != nil {
			return nil, fmt.Errorf("%s: %d open streams: %w", c.title(), n, err)
		}
		rows = append(rows, MemoryRow{
			Kind: c.kind, Streams: n, BeforeMiB: float64(before) / mib, TotalMiB: float64(most) / mib,
			PerStream: float64(most-before) / float64(n) / 1024,
		})
	}
	return rows, nil
}

// watchMemory samples the memory for a while, during which chunks arrive, and returns
// the peak.
func (b *bench) watchMemory(ctx context.Context, c *contender) (most int64, err error) {
	watch := 2*holdEvery + holdEvery/2
	if b.opt.quick {
		watch = holdEvery + holdEvery/4
	}
	rest := time.NewTimer(watch)
	defer rest.Stop()
	tick := time.NewTicker(holdEvery / 10)
	defer tick.Stop()
	for {
		now, _, err := c.memory()
		if err != nil {
			return 0, err
		}
		most = max(most, now)
		select {
		case <-tick.C:
		case <-rest.C:
			return most, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// holder keeps streams open and reads their chunks.
type holder struct {
	addr     string
	requests []request

	mu      sync.Mutex
	conns   []*rawConn
	closing atomic.Bool
	failed  atomic.Pointer[error] // the first stream that ended unexpectedly
	readers sync.WaitGroup
}

// dialers is how many streams are opened concurrently.
const dialers = 32

// open opens streams until there are n.
func (h *holder) open(ctx context.Context, n int) error {
	h.mu.Lock()
	missing := n - len(h.conns)
	h.mu.Unlock()
	var taken atomic.Int64
	errs := make([]error, dialers)
	var wait sync.WaitGroup
	for d := range dialers {
		wait.Go(func() {
			for ctx.Err() == nil {
				i := int(taken.Add(1)) - 1
				if i >= missing {
					return
				}
				if errs[d] = h.openOne(i); errs[d] != nil {
					return
				}
			}
			errs[d] = ctx.Err()
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// openOne opens a stream and returns when its first chunks have arrived.
func (h *holder) openOne(i int) error {
	conn, err := dialRaw(h.addr, 1<<10)
	if err != nil {
		return err
	}
	h.mu.Lock()
	h.conns = append(h.conns, conn)
	h.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(responseTimeout)); err != nil {
		return err
	}
	if _, err := conn.Write(h.requests[i%len(h.requests)].raw); err != nil {
		return err
	}
	if _, err := conn.readHead(); err != nil {
		return err
	}
	for got := 0; got < holdAtOnce*chunkSize; {
		n, err := conn.readChunk()
		if err == nil && n == 0 {
			err = errCut
		}
		if err != nil {
			return err
		}
		got += n
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return err
	}
	h.readers.Go(func() { h.read(conn) })
	return nil
}

// read reads until the stream ends, which only close may cause.
func (h *holder) read(conn *rawConn) {
	for {
		conn.body = conn.body[:0]
		n, err := conn.readChunk()
		if err == nil && n > 0 {
			continue
		}
		if err == nil {
			err = errCut
		}
		if !h.closing.Load() {
			err = fmt.Errorf("a stream ended unexpectedly: %w", err)
			h.failed.CompareAndSwap(nil, &err)
		}
		return
	}
}

// broken is the error of the first stream that ended too early.
func (h *holder) broken() error {
	if err := h.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// close closes all streams.
func (h *holder) close() {
	h.closing.Store(true)
	h.mu.Lock()
	for _, conn := range h.conns {
		_ = conn.Close()
	}
	h.mu.Unlock()
	h.readers.Wait()
}
