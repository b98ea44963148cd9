package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is a closed loop: each connection sends its next request when it has read the
// last response to its end.
type load struct {
	addr        string
	requests    []request // sent in turn, each connection starting elsewhere
	concurrency int
	lasting     time.Duration // 0: until most are sent
	most        int64         // 0: as long as lasting
	charged     bool          // its CPU time is measured, including late work
}

// responseTimeout is how long a response may take after a load's end.
const responseTimeout = 30 * time.Second

// outcome is the result of a load. A failed request is data here.
type outcome struct {
	sent      int64
	cut       int64 // truncated responses
	differing int64 // complete responses that differ from the upstream's
	failed    int64 // anything else: connection, status
	firstErr  error
	elapsed   time.Duration
	latencies []time.Duration // of good responses, sorted
	firsts    []time.Duration // until their first line, sorted
}

func (o *outcome) bad() int64 { return o.cut + o.differing + o.failed }

// loader holds a load's connections.
type loader struct {
	load
	mu     sync.Mutex
	conns  []*rawConn // by worker; nil if not connected
	closed bool
}

// prepare connects and sends one request on each connection, so that connecting and
// first use are not measured.
func prepare(ctx context.Context, l load) (*loader, error) {
	ld := &loader{load: l, conns: make([]*rawConn, l.concurrency)}
	defer context.AfterFunc(ctx, ld.close)()
	errs := make([]error, l.concurrency)
	var wait sync.WaitGroup
	for w := range l.concurrency {
		wait.Go(func() {
			conn, err := ld.connect(w, time.Now().Add(responseTimeout))
			if err != nil {
				errs[w] = err
				return
			}
			// The measured part counts bad responses.
			if err := conn.do(&ld.requests[w%len(ld.requests)]); err != nil || conn.ends {
				ld.drop(w)
			}
		})
	}
	wait.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		ld.close()
		return nil, err
	}
	return ld, nil
}

// run applies the load.
func (ld *loader) run(ctx context.Context) outcome {
	defer context.AfterFunc(ctx, ld.close)()
	begin := time.Now()
	end := begin.Add(ld.lasting)
	if ld.lasting == 0 {
		end = begin.Add(time.Hour)
	}
	ld.extend(end.Add(responseTimeout))
	var taken atomic.Int64
	parts := make([]outcome, ld.concurrency)
	var wait sync.WaitGroup
	for w := range ld.concurrency {
		wait.Go(func() { ld.work(ctx, w, end, &taken, &parts[w]) })
	}
	wait.Wait()
	total := outcome{elapsed: time.Since(begin)}
	for i := range parts {
		p := &parts[i]
		total.sent += p.sent
		total.cut += p.cut
		total.differing += p.differing
		total.failed += p.failed
		if total.firstErr == nil {
			total.firstErr = p.firstErr
		}
		total.latencies = append(total.latencies, p.latencies...)
		total.firsts = append(total.firsts, p.firsts...)
	}
	slices.Sort(total.latencies)
	slices.Sort(total.firsts)
	return total
}

// work is the load of one connection.
func (ld *loader) work(ctx context.Context, w int, end time.Time, taken *atomic.Int64, o *outcome) {
	for next := w * 7; ctx.Err() == nil; next++ {
		begin := time.Now()
		if begin.After(end) || ld.most > 0 && taken.Add(1) > ld.most {
			return
		}
		conn, err := ld.connect(w, end.Add(responseTimeout))
		if err == nil {
			err = conn.do(&ld.requests[next%len(ld.requests)])
		}
		if err != nil && ctx.Err() != nil {
			return // the run was stopped; the response is not to blame
		}
		o.sent++
		switch {
		case err == nil:
			o.latencies = append(o.latencies, time.Since(begin))
			o.firsts = append(o.firsts, conn.head.Sub(begin))
		case errors.Is(err, errCut):
			o.cut++
		case errors.Is(err, errDiffers):
			o.differing++
		default:
			o.failed++
		}
		if err != nil && o.firstErr == nil {
			o.firstErr = err
		}
		if err != nil || conn.ends {
			ld.drop(w)
		}
		if o.failed > 100 && o.failed == o.sent {
			return // no server
		}
	}
}

// connect returns the worker's connection, and opens one if needed.
func (ld *loader) connect(w int, deadline time.Time) (*rawConn, error) {
	ld.mu.Lock()
	conn, closed := ld.conns[w], ld.closed
	ld.mu.Unlock()
	if conn != nil || closed {
		if closed {
			return nil, context.Canceled
		}
		return conn, nil
	}
	conn, err := dialRaw(ld.addr, 16<<10)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	ld.mu.Lock()
	defer ld.mu.Unlock()
	if ld.closed {
		_ = conn.Close()
		return nil, context.Canceled
	}
	ld.conns[w] = conn
	return conn, nil
}

// extend sets the deadline of the open connections.
func (ld *loader) extend(deadline time.Time) {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	for _, conn := range ld.conns {
		if conn != nil {
			_ = conn.SetDeadline(deadline) // fails on a closed connection, which the next request reports
		}
	}
}

// drop closes the worker's connection.
func (ld *loader) drop(w int) {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	if ld.conns[w] != nil {
		_ = ld.conns[w].Close()
		ld.conns[w] = nil
	}
}

// close closes all connections, which ends what runs on them.
func (ld *loader) close() {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	ld.closed = true
	for _, conn := range ld.conns {
		if conn != nil {
			_ = conn.Close()
		}
	}
}
