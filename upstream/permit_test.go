package upstream_test

import (
	"errors"
	"net/http"
	"sort"
	"testing"
	"testing/synctest"
	"time"

	"cutover/exchange"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// limited is an upstream with limits that nobody calls.
func limited(t *testing.T, limits limit.Limits) (*upstream.Upstream, *limit.Limiter) {
	t.Helper()
	l, err := limit.New(limit.Options{Name: "relay", Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	u, err := upstream.New(upstream.Config{
		Name: "relay", Arm: exchange.Relay, BaseURL: "http://relay.invalid/v1",
		Auth: upstream.Auth{Kind: upstream.Bearer, Key: "k"}, Policies: &upstream.Policies{Limiter: l},
	})
	if err != nil {
		t.Fatal(err)
	}
	return u, l
}

// tokensLeft is how many of at most full tokens fit at once.
func tokensLeft(l *limit.Limiter, full int) int {
	return sort.Search(full, func(n int) bool {
		lease, err := l.TryAcquire("m", n+1)
		lease.Cancel()
		return err != nil
	})
}

// requestsLeft is how many requests fit at once.
func requestsLeft(l *limit.Limiter) int {
	for n := 0; ; n++ {
		lease, err := l.TryAcquire("m", 0)
		if err != nil {
			return n
		}
		defer lease.Cancel()
	}
}

func chatRequest(maxTokens, bodyBytes int) *exchange.Request {
	q := &exchange.Request{Method: "POST", Path: "/v1/chat/completions", Body: make([]byte, bodyBytes), Held: true, Header: http.Header{}}
	q.Endpoint = exchange.Lookup(q.Method, q.Path)
	q.Facts = exchange.Facts{Model: "m", MaxTokens: maxTokens, Valid: true}
	return q
}

// A call is estimated at 100 tokens of prompt and 5,000 of completion. What stays
// charged is what it cost as far as anybody can tell, and nothing for a call that
// was never made.
func TestWhatACallIsChargedInTheEnd(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name             string
		x                exchange.Exchange
		tokens, requests int
	}{
		{"usage", exchange.Exchange{Status: 200, Usage: exchange.Usage{Known: true, InputTokens: 90, OutputTokens: 30}}, 120, 1},
		{"a complete response without usage", exchange.Exchange{Status: 200}, 5100, 1},
		{"a stream without usage", exchange.Exchange{Status: 200, Streamed: true, Events: 40}, 140, 1},
		{"a stream of few large events", exchange.Exchange{Status: 200, Streamed: true, Events: 4,
			Completion: exchange.Completion{TextBytes: 800}}, 300, 1},
		{"the caller left inside a stream", exchange.Exchange{Status: 200, Streamed: true, Events: 12, Class: exchange.ClassAborted}, 112, 1},
		{"the caller left before anything came", exchange.Exchange{Class: exchange.ClassAborted}, 100, 1},
		{"a stream cut after its first count", exchange.Exchange{Status: 200, Streamed: true, Events: 50, Class: exchange.ClassBroken,
			Usage: exchange.Usage{Known: true, InputTokens: 80, OutputTokens: 1}}, 130, 1},
		{"silence", exchange.Exchange{Class: exchange.ClassHeaderTimeout}, 100, 1},
		{"an error", exchange.Exchange{Status: 500, Class: exchange.ClassServer}, 0, 1},
		{"a refusal by rate limits", exchange.Exchange{Status: 429, Class: exchange.ClassRateLimited}, 0, 1},
		{"nobody there", exchange.Exchange{Class: exchange.ClassConnect}, 0, 0},
		{"no TLS", exchange.Exchange{Class: exchange.ClassTLS}, 0, 0},
		{"a model that the map does not have", exchange.Exchange{Class: exchange.ClassNotSent}, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			const tokens, requests = 20_000, 10 // a tenth of a minute's pass at once
			u, l := limited(t, limit.Limits{RPM: 10 * requests, TPM: 10 * tokens, Concurrency: 20})
			for i, acquire := range []func() (upstream.Permit, error){
				func() (upstream.Permit, error) { return u.Acquire(t.Context(), chatRequest(5000, 400), "m", 0) },
				func() (upstream.Permit, error) { return u.AcquireShadow(chatRequest(5000, 400), "m") },
			} {
				p, err := acquire()
				if err != nil {
					t.Fatal(err)
				}
				x := row.x
				p.Release(&x, time.Now())
				p.Release(&x, time.Now()) // counts once
				n := i + 1
				gotTokens, gotRequests := tokens-tokensLeft(l, tokens), requests-requestsLeft(l)
				if gotTokens != n*row.tokens || gotRequests != n*row.requests {
					t.Errorf("%s: %d tokens and %d requests are charged for %d calls, want %d and %d",
						row.name, gotTokens, gotRequests, n, n*row.tokens, n*row.requests)
				}
				if s := l.State(); s.InFlight != 0 {
					t.Errorf("%s: %d calls in flight at the end", row.name, s.InFlight)
				}
			}
		})
	}
}

// A body of megabytes is charged at most the whole limit, and no more of it when
// the response does not report its usage.
func TestALargeBodyIsNotChargedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		u, l := limited(t, limit.Limits{TPM: 1000, Burst: 1})
		p, err := u.Acquire(t.Context(), chatRequest(0, 4<<20), "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Release(&exchange.Exchange{Class: exchange.ClassAborted}, time.Now())
		const interval = time.Minute // of one token, when the burst is the whole limit
		var over *limit.Error
		if _, err = l.TryAcquire("m", 1000); !errors.As(err, &over) || over.After > 1000*interval {
			t.Errorf("room for the whole limit again: %v, want in at most %v", err, 1000*interval)
		}
	})
}
