package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// upstream is the provider of this benchmark. It is as cheap as possible, because it
// shares the machine with what is measured.
type upstream struct {
	arm       string
	requests  atomic.Int64
	responses sync.Map // responseKey -> [][]byte: what is written, each element flushed
	bodies    sync.Pool
}

type responseKey struct {
	model   string
	variant int
}

// countPath returns how many requests have arrived.
const countPath = "/bench/count"

// holdEvery is the time between two chunks of a stream that stays open, after
// the first holdAtOnce.
const (
	holdEvery  = time.Second
	holdAtOnce = 3
)

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == countPath {
		fmt.Fprintln(w, u.requests.Load())
		return
	}
	u.requests.Add(1)
	j, err := u.readJob(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	parts := u.response(j)
	h := w.Header()
	h.Set("Openai-Organization", "bench")
	h.Set("Openai-Processing-Ms", "1")
	h.Set("Openai-Version", "2020-10-01")
	h.Set("X-Ratelimit-Limit-Requests", "10000")
	h.Set("X-Ratelimit-Remaining-Requests", "9999")
	h.Set("X-Request-Id", "req_bench")
	if !j.stream {
		h.Set("Content-Type", "application/json")
		h.Set("Content-Length", strconv.Itoa(len(parts[0])))
		_, _ = w.Write(parts[0])
		return
	}
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	s := streamer{w: w, flush: http.NewResponseController(w).Flush}
	if j.hold {
		s.hold(r.Context(), parts)
		return
	}
	s.send(parts, j.gap)
}

// readJob reads the body to its end, like any provider before it responds.
func (u *upstream) readJob(r *http.Request) (job, error) {
	buf, _ := u.bodies.Get().(*bytes.Buffer)
	if buf == nil {
		buf = new(bytes.Buffer)
	}
	defer u.bodies.Put(buf)
	buf.Reset()
	if _, err := buf.ReadFrom(r.Body); err != nil {
		return job{}, fmt.Errorf("read the request: %w", err)
	}
	return parseJob(buf.Bytes())
}

func (u *upstream) response(j job) [][]byte {
	key := responseKey{j.model, j.caller % variants}
	if parts, ok := u.responses.Load(key); ok {
		return parts.([][]byte)
	}
	parts := [][]byte{jsonResponse(u.arm, j)}
	if j.stream {
		parts = streamResponse(u.arm, j)
	}
	u.responses.Store(key, parts)
	return parts
}

// streamer writes events, each flushed.
type streamer struct {
	w     io.Writer
	flush func() error
}

func (s streamer) event(e []byte) error {
	if _, err := s.w.Write(e); err != nil {
		return err
	}
	return s.flush()
}

// send writes all events. [DONE] follows the last chunk at once.
func (s streamer) send(events [][]byte, gap time.Duration) {
	for i, e := range events {
		if i > 0 && i < len(events)-1 && gap > 0 {
			time.Sleep(gap)
		}
		if s.event(e) != nil {
			return
		}
	}
}

// hold sends the first chunks at once and then one after the other forever.
func (s streamer) hold(ctx context.Context, events [][]byte) {
	for range holdAtOnce {
		if s.event(events[1]) != nil {
			return
		}
	}
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s.event(events[1]) != nil {
			return
		}
	}
}

// runBlackHole accepts connections, reads and never responds.
func runBlackHole(ctx context.Context) error {
	l, err := announce()
	if err != nil {
		return err
	}
	return swallow(ctx, l)
}

// swallow runs a black hole until ctx is done.
func swallow(ctx context.Context, l net.Listener) error {
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	var wait sync.WaitGroup
	defer wait.Wait()
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("black hole: %w", err)
		}
		wait.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			_, _ = io.Copy(io.Discard, conn) // until the other side closes it
			_ = conn.Close()
		})
	}
}
