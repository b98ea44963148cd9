package shadow_test

import (
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/shadow"
	"cutover/upstream"
)

// mirrorTo is a mirror whose copies go to an address, and that nobody runs:
// pairs wait and hold what they hold.
func mirrorTo(t *testing.T, addr string, change func(*shadow.Config)) *shadow.Mirror {
	t.Helper()
	up := func(arm exchange.Arm) *upstream.Upstream {
		u, err := upstream.New(upstream.Config{Name: arm.String(), Arm: arm, BaseURL: "http://" + addr + "/v1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(u.Close)
		return u
	}
	c := shadow.Config{Primary: up(exchange.Primary), Relay: up(exchange.Relay), Sink: func(compare.Result) {}}
	if change != nil {
		change(&c)
	}
	m, err := shadow.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// nobody is an address at which calls end at once.
const nobody = "127.0.0.1:1"

// offer offers a request; it reports whether a copy was begun.
func offer(m *shadow.Mirror, q *exchange.Request) bool {
	done := m.Offer(q)
	if done != nil {
		done(served(q, exchange.ClassNone))
	}
	return done != nil
}

// Five copies a second: five at once, then one each 200 ms, and never more than
// five saved up.
func TestCopiesPerSecondExactly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := mirrorTo(t, nobody, func(c *shadow.Config) { c.MaxRPS = 5 })
		for _, step := range []struct {
			pause time.Duration
			want  int
		}{{0, 5}, {199 * time.Millisecond, 0}, {2 * time.Millisecond, 1}, {time.Hour, 5}, {400 * time.Millisecond, 2}} {
			time.Sleep(step.pause)
			begun := 0
			for range 20 {
				if offer(m, request("a")) {
					begun++
				}
			}
			if begun != step.want {
				t.Errorf("after %v more %d copies begin, want %d", step.pause, begun, step.want)
			}
		}
	})
}

// As many copies at a time as are allowed and not one more; 256 unless
// somebody says otherwise.
func TestCopiesAtATime(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes calls and never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for limit, want := range map[int]int64{0: 256, 3: 3} {
		m := mirrorTo(t, silent.Addr().String(), func(c *shadow.Config) { c.MaxConcurrency = limit })
		t.Cleanup(m.Abort)
		for range want {
			if m.Offer(request("a")) == nil {
				t.Fatalf("limit %d: %d copies are too many", limit, m.InFlight())
			}
		}
		if m.Offer(request("a")) != nil || m.InFlight() != want {
			t.Errorf("limit %d: %d copies are under way, want %d", limit, m.InFlight(), want)
		}
		if all := fmt.Sprint(m.Counts().All()); all != "[{dropped concurrency 1}]" {
			t.Errorf("limit %d: counts %s", limit, all)
		}
	}
}

// Pairs hold 256 MiB unless somebody says otherwise. A copy for which there is
// no room holds nothing.
func TestBytesHeldForPairs(t *testing.T) {
	t.Parallel()
	body := make([]byte, 32<<20)
	m := mirrorTo(t, nobody, nil)
	for i := range 10 {
		q := request("a")
		q.Body = body
		if got, want := offer(m, q), i < 8; got != want {
			t.Errorf("copy %d, with %d bytes held: begun %v, want %v", i+1, m.Held(), got, want)
		}
	}
	m = mirrorTo(t, nobody, func(c *shadow.Config) { c.MaxBytes = 1000 })
	q := request("a")
	for size, want := range map[int]bool{1001: false, 5000: false} {
		q.Body = body[:size]
		if got := offer(m, q); got != want {
			t.Errorf("%d bytes of 1,000: begun %v", size, got)
		}
	}
	if m.Held() != 0 || m.InFlight() != 0 {
		t.Errorf("%d bytes and %d places are taken by copies that were not begun", m.Held(), m.InFlight())
	}
	if q.Body = body[:1000]; !offer(m, q) {
		t.Error("exactly the limit is too much")
	}
}

// A score by diff costs milliseconds: one pair a second gets one.
func TestDiffsPerSecond(t *testing.T) {
	t.Parallel()
	r := newRig(t, text("one two"), nil)
	begun := time.Now()
	const pairs = 12
	for i := range pairs {
		q := request(fmt.Sprint(i))
		r.mirror.Offer(q)(served(q, exchange.ClassNone))
	}
	diffs := 0
	for i := range pairs {
		if r.result(i+1).DiffSimilarity != nil {
			diffs++
		}
	}
	if most := 1 + int(time.Since(begun).Seconds()); diffs < 1 || diffs > most {
		t.Errorf("%d of %d pairs have a score by diff, want 1 to %d", diffs, pairs, most)
	}
}
