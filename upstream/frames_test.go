package upstream_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"cutover/exchange"
	"cutover/upstream"
)

// frameServer is an upstream that speaks HTTP/2 in frames of the test's own.
type frameServer struct {
	listener net.Listener
	wg       sync.WaitGroup
	calls    atomic.Int64 // requests that came whole
	opened   atomic.Int64
	// answer says what becomes of the nth request.
	answer func(c *frames, stream uint32, n int64)
}

// frames is one connection of it.
type frames struct {
	*http2.Framer
	conn net.Conn
}

func startFrames(t *testing.T, answer func(c *frames, stream uint32, n int64)) (*frameServer, *upstream.Upstream) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &frameServer{listener: l, answer: answer}
	u, err := upstream.New(upstream.Config{Name: "u", BaseURL: s.url(), Protocol: upstream.H2C})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var open []net.Conn
	s.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s.opened.Add(1)
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			s.wg.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		u.Close()
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		s.wg.Wait()
	})
	return s, u
}

func (s *frameServer) url() string { return "http://" + s.listener.Addr().String() }

func (s *frameServer) serve(conn net.Conn) {
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	c := &frames{Framer: http2.NewFramer(conn, conn), conn: conn}
	_ = c.WriteSettings()
	for {
		f, err := c.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				_ = c.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				_ = c.WritePing(true, f.Data)
			}
		case *http2.HeadersFrame:
			if f.StreamEnded() {
				s.answer(c, f.StreamID, s.calls.Add(1))
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				s.answer(c, f.StreamID, s.calls.Add(1))
			}
		}
	}
}

// ok answers a stream.
func (c *frames) ok(stream uint32) {
	_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: header(":status", "200"), EndHeaders: true})
	_ = c.WriteData(stream, true, []byte("whole"))
}

func header(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i+1 < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

// TestWhatHTTP2SaysOfACall: a call is sent again when the upstream says that it
// was not looked at, and in no other case.
func TestWhatHTTP2SaysOfACall(t *testing.T) {
	t.Parallel()
	reset := func(code http2.ErrCode, times int64) func(*frames, uint32, int64) {
		return func(c *frames, stream uint32, n int64) {
			if n <= times {
				_ = c.WriteRSTStream(stream, code)
				return
			}
			c.ok(stream)
		}
	}
	for _, row := range []struct {
		name   string
		answer func(c *frames, stream uint32, n int64)
		calls  int64 // that the upstream sees
		opened int64 // connections
		fails  bool
	}{
		{"refused once", reset(http2.ErrCodeRefusedStream, 1), 2, 1, false},
		{"refused three times", reset(http2.ErrCodeRefusedStream, 3), 4, 1, false},
		{"refused for ever", reset(http2.ErrCodeRefusedStream, 1000), 4, 1, true},
		{"internal error", reset(http2.ErrCodeInternal, 1), 1, 1, true},
		{"enhance your calm", reset(http2.ErrCodeEnhanceYourCalm, 1), 1, 1, true},
		{"protocol error", reset(http2.ErrCodeProtocol, 1), 1, 1, true},
		{"cancelled", reset(http2.ErrCodeCancel, 1), 1, 1, true},
		{"goaway before the call", func(c *frames, stream uint32, n int64) {
			if n == 1 {
				_ = c.WriteGoAway(0, http2.ErrCodeNo, nil)
				return
			}
			c.ok(stream)
		}, 2, 2, false},
		{"goaway after the call, then the answer", func(c *frames, stream uint32, _ int64) {
			_ = c.WriteGoAway(stream, http2.ErrCodeNo, nil)
			c.ok(stream)
		}, 1, 1, false},
		{"goaway after the call, then nothing", func(c *frames, stream uint32, _ int64) {
			_ = c.WriteGoAway(stream, http2.ErrCodeNo, nil)
			c.conn.Close()
		}, 1, 1, true},
		{"goaway for too much", func(c *frames, _ uint32, _ int64) {
			_ = c.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, nil)
			c.conn.Close()
		}, 1, 1, true},
		{"a header without end", func(c *frames, stream uint32, _ int64) {
			big := header(":status", "200", "x-big", strings.Repeat("x", 2<<20))
			_ = c.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: big[:16<<10]})
			for rest := big[16<<10:]; len(rest) > 0; {
				k := min(len(rest), 16<<10)
				if c.WriteContinuation(stream, k == len(rest), rest[:k]) != nil {
					return
				}
				rest = rest[k:]
			}
		}, 1, 1, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s, u := startFrames(t, row.answer)
			begun := time.Now()
			err := post(u, s.url(), "1")
			if (err != nil) != row.fails {
				t.Errorf("error = %v, want one: %v", err, row.fails)
			}
			if class, _ := upstream.Classify(context.Background(), err); row.fails && class != exchange.ClassBroken {
				t.Errorf("class = %q, want %q", class, exchange.ClassBroken)
			}
			if s.calls.Load() != row.calls || s.opened.Load() != row.opened {
				t.Errorf("the upstream saw %d calls on %d connections, want %d on %d", s.calls.Load(), s.opened.Load(), row.calls, row.opened)
			}
			if took := time.Since(begun); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// TestPings: a silent connection is asked whether it is alive, and given up
// when it does not answer.
func TestPings(t *testing.T) {
	t.Parallel()
	s, _ := startFrames(t, func(c *frames, _ uint32, _ int64) {
		for { // swallows everything, pings included
			if _, err := c.ReadFrame(); err != nil {
				return
			}
		}
	})
	u := newUpstream(t, upstream.Config{Name: "u", BaseURL: s.url(), Protocol: upstream.H2C, Ping: 100 * time.Millisecond})
	if err := post(u, s.url(), "1"); err == nil {
		t.Error("a call on a dead connection has succeeded")
	}
}
