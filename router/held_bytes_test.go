package router_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
)

// TestHeldBodiesHaveACommonBound: callers that send slowly fill the memory for
// held bodies; the next one is served all the same, and not mirrored.
func TestHeldBodiesHaveACommonBound(t *testing.T) {
	t.Parallel()
	var skipped []string
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}), setup{router: func(c *routerConfig) {
		c.HeldBodies = 1200 << 10 // two bodies of 400 KiB, and a third until it grows
		c.Mirror = func(q *exchange.Request) func(*exchange.Exchange) {
			skipped = append(skipped, q.Route.Skip)
			return nil
		}
	}})
	const size = 400 << 10
	text := `{"x":"` + strings.Repeat("a", size) + `"}`
	var slow []net.Conn
	for i := range 2 {
		c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(text), text[:len(text)-1])
		slow = append(slow, c)
		waitFor(t, func() bool { return b.router.HeldBodies().Bytes >= int64(i+1)*size })
	}
	resp, got := b.do("POST", "/v1/chat/completions", text, "Content-Type", "application/json")
	held := b.router.HeldBodies()
	if resp.StatusCode != 200 || got != fmt.Sprint(len(text)) || held.Over != 1 || held.Bytes > held.Limit {
		t.Errorf("%d, %s bytes, %+v", resp.StatusCode, got, held)
	}
	if len(skipped) != 1 || skipped[0] != exchange.SkipMemory {
		t.Errorf("skipped: %q", skipped)
	}
	for _, c := range slow {
		_, _ = io.WriteString(c, text[len(text)-1:])
		if got, _ := io.ReadAll(c); !strings.HasSuffix(string(got), fmt.Sprint(len(text))) {
			t.Errorf("a slow caller got %.200s", got)
		}
	}
	waitFor(t, func() bool { return b.router.HeldBodies().Bytes == 0 })
}

// waitFor waits for a condition that is about to come true.
func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("waited in vain")
		}
	}
}

// TestBodiesHaveALeastRate: a byte now and then is no upload. One that is slow
// but steady is.
func TestBodiesHaveALeastRate(t *testing.T) {
	t.Parallel()
	const window = 300 * time.Millisecond
	b := newBench(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, chatCompletion) }),
		setup{router: func(c *routerConfig) { c.ReadStallTimeout, c.MinUploadRate = window, 1000 }})
	for _, row := range []struct {
		name  string
		piece int // sent each 50 ms
		want  string
	}{{"a byte now and then", 1, "HTTP/1.1 408 "}, {"steady", 100, "HTTP/1.1 200 "}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", strings.TrimPrefix(b.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			text := `{"x":"` + strings.Repeat("a", 20*row.piece) + `"}`
			_, _ = fmt.Fprintf(c, "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nConnection: close\r\n"+
				"Content-Length: %d\r\n\r\n", len(text))
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for from := 0; from < len(text); from += row.piece {
				<-tick.C
				if _, err := io.WriteString(c, text[from:min(from+row.piece, len(text))]); err != nil {
					break
				}
			}
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
			if got, _ := io.ReadAll(c); !strings.HasPrefix(string(got), row.want) {
				t.Errorf("response %.100q, want %s", got, row.want)
			}
		})
	}
}
