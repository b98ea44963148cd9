package upstream

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"cutover/exchange"
)

// careOf is an upstream under care that nobody calls.
func careOf(t *testing.T, c *Care) *Upstream {
	t.Helper()
	u, err := New(Config{Name: "relay", Arm: exchange.Relay, BaseURL: "http://relay.invalid/v1", Auth: Auth{Kind: Bearer, Key: "k"}, Care: c})
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func askFor(maxTokens, bodyBytes int) *exchange.Request {
	q := &exchange.Request{Method: "POST", Path: "/v1/chat/completions", Body: make([]byte, bodyBytes), Held: true, Header: http.Header{}}
	q.Endpoint = exchange.Lookup(q.Method, q.Path)
	q.Facts = exchange.Facts{Model: "m", MaxTokens: maxTokens, Valid: true}
	return q
}

// A call is estimated at 100 tokens of prompt and 5,000 of answer. What stays
// charged is what it cost as far as anybody can tell, and nothing of a call
// that was never made.
func TestWhatACallIsChargedInTheEnd(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name             string
		x                exchange.Exchange
		tokens, requests int64
	}{
		{"usage", exchange.Exchange{Status: 200, Usage: exchange.Usage{Known: true, InputTokens: 90, OutputTokens: 30}}, 120, 1},
		{"a whole answer without usage", exchange.Exchange{Status: 200}, 5100, 1},
		{"a stream without usage", exchange.Exchange{Status: 200, Streamed: true, Events: 40}, 140, 1},
		{"a stream of few large events", exchange.Exchange{Status: 200, Streamed: true, Events: 4, Completion: exchange.Completion{TextBytes: 800}}, 300, 1},
		{"the caller left inside a stream", exchange.Exchange{Status: 200, Streamed: true, Events: 12, Class: exchange.ClassAborted}, 112, 1},
		{"the caller left before anything came", exchange.Exchange{Class: exchange.ClassAborted}, 100, 1},
		{"a stream cut after its first count", exchange.Exchange{Status: 200, Streamed: true, Events: 50, Class: exchange.ClassBroken,
			Usage: exchange.Usage{Known: true, InputTokens: 80, OutputTokens: 1}}, 130, 1},
		{"silence", exchange.Exchange{Class: exchange.ClassHeaderTimeout}, 100, 1},
		{"an error", exchange.Exchange{Status: 500, Class: exchange.ClassServer}, 0, 1},
		{"a refusal by limits", exchange.Exchange{Status: 429, Class: exchange.ClassRateLimited}, 0, 1},
		{"nobody there", exchange.Exchange{Class: exchange.ClassConnect}, 0, 0},
		{"no TLS", exchange.Exchange{Class: exchange.ClassTLS}, 0, 0},
		{"a model that the map does not have", exchange.Exchange{Class: exchange.ClassNotSent}, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, Limits{RPM: 100, TPM: 100_000, Concurrency: 5, Burst: .5})
			u := careOf(t, &Care{Limiter: l})
			for i, enter := range []func() (Permit, error){
				func() (Permit, error) { return u.Enter(t.Context(), askFor(5000, 400), "m", 0) },
				func() (Permit, error) { return u.EnterShadow(askFor(5000, 400), "m") },
			} {
				p, err := enter()
				if err != nil {
					t.Fatal(err)
				}
				x := row.x
				p.Leave(&x, time.Now())
				p.Leave(&x, time.Now()) // counts once
				b := l.local.Load()
				n := int64(i + 1)
				if tokens, requests := (b.tpm.full.Load()-l.now())/b.tpm.interval, (b.rpm.full.Load()-l.now())/b.rpm.interval; tokens != n*row.tokens || requests != n*row.requests {
					t.Errorf("%s: %d tokens and %d requests are charged for %d calls, want %d and %d", row.name, tokens, requests, n, n*row.tokens, n*row.requests)
				}
				if s := l.State(); s.InFlight != 0 {
					t.Errorf("%s: %d calls under way at the end", row.name, s.InFlight)
				}
			}
		})
	}
}

// A body of megabytes is charged at most the whole limit, and no more of it
// when the answer does not say what it used.
func TestALargeBodyIsNotChargedTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, Limits{TPM: 1000, Burst: 1})
		u := careOf(t, &Care{Limiter: l})
		p, err := u.Enter(t.Context(), askFor(0, 4<<20), "m", 0)
		if err != nil {
			t.Fatal(err)
		}
		p.Leave(&exchange.Exchange{Class: exchange.ClassAborted}, time.Now())
		if tpm := l.local.Load().tpm; tpm.full.Load()-l.now() > 1000*tpm.interval {
			t.Errorf("%v of the limit are charged for a call that was cut", time.Duration(tpm.full.Load()-l.now()))
		}
	})
}
