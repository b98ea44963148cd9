package router_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/exchange"
	"cutover/router"
	"cutover/upstream"
	"cutover/upstream/limit"
)

// logLine is a request's line in the log.
type logLine struct {
	Level    string          `json:"level"`
	Message  string          `json:"message"`
	ServedBy string          `json:"served_by"`
	Status   int             `json:"status"`
	Class    string          `json:"class"`
	Fallback string          `json:"fallback"`
	Hedge    string          `json:"hedge"`
	Queued   float64         `json:"queued"`
	Trail    []exchange.Step `json:"trail"`
}

// lines are the requests' lines that were written so far.
func (b *bench) lines() (all []logLine) {
	for line := range strings.Lines(b.logs.String()) {
		var l logLine
		if json.Unmarshal([]byte(line), &l) == nil && l.Message == "request" {
			all = append(all, l)
		}
	}
	return all
}

// counted adds a registry of metrics to a bench and returns what they say.
func counted(c *routerConfig) func(name string, labels ...string) float64 {
	reg := prometheus.NewRegistry()
	m, own := router.NewMetrics(reg), c.Served
	c.Served = func(q *exchange.Request, x *exchange.Exchange) { m.Observe(q, x); own(q, x) }
	return func(name string, labels ...string) float64 {
		families, err := reg.Gather()
		if err != nil {
			return -1
		}
		for _, f := range families {
			for _, metric := range f.GetMetric() {
				var have []string
				for _, l := range metric.GetLabel() { // sorted by name
					have = append(have, l.GetValue())
				}
				if f.GetName() == name && strings.Join(have, " ") == strings.Join(labels, " ") {
					return metric.GetCounter().GetValue()
				}
			}
		}
		return 0
	}
}

// TestTheLogTellsEveryDecision: one line of a request says what was tried, how
// it ended, what was waited for and why another served; the counters count it.
func TestTheLogTellsEveryDecision(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	fails := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	var calls atomic.Int64
	for _, row := range []struct {
		name     string
		policies func() *upstream.Policies
		relay    http.HandlerFunc
		hedge    time.Duration
		asks     int // requests; the last one's line is looked at
		level    string
		by       string
		why      string
		hedgd    string
		trail    []exchange.Step // without times
		count    []string        // a counter and its labels, which must be 1
	}{
		{name: "nothing to tell", relay: func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }, level: "debug", by: "relay"},
		{name: "retries and fallback", relay: fails(503),
			policies: func() *upstream.Policies {
				return &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 2, Base: time.Millisecond}}
			},
			level: "info", by: "primary", why: "overloaded",
			trail: []exchange.Step{
				{Upstream: "relay", Class: exchange.ClassOverloaded, Status: 503, Next: "retry"},
				{Upstream: "relay", Class: exchange.ClassOverloaded, Status: 503, Next: "fallback"}},
			count: []string{"cutover_attempts_failed_total", "overloaded", "retry", "relay"}},
		{name: "a retry that helps", relay: func(w http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 1 {
				w.WriteHeader(429)
				return
			}
			right(&d, w, r)
		}, policies: func() *upstream.Policies {
			return &upstream.Policies{Retry: upstream.RetryPolicy{Attempts: 2, Base: time.Millisecond}}
		}, level: "info", by: "relay",
			trail: []exchange.Step{{Upstream: "relay", Class: exchange.ClassRateLimited, Status: 429, Next: "retry"}},
			count: []string{"cutover_attempts_failed_total", "rate_limited", "retry", "relay"}},
		{name: "an open breaker", relay: fails(500), asks: 2,
			policies: func() *upstream.Policies {
				return &upstream.Policies{Breaker: upstream.NewBreaker(upstream.BreakerOptions{MinCalls: 1, OpenFor: time.Hour}, time.Now())}
			},
			level: "info", by: "primary", why: "breaker",
			trail: []exchange.Step{{Upstream: "relay", Class: exchange.ClassNotSent, Detail: "breaker", Next: "fallback"}},
			count: []string{"cutover_attempts_failed_total", "not_sent", "fallback", "relay"}},
		{name: "no room", relay: func(w http.ResponseWriter, r *http.Request) { right(&d, w, r) }, asks: 2,
			policies: func() *upstream.Policies {
				l, _ := limit.New(limit.Options{Name: "relay", Limits: limit.Limits{RPM: 1}})
				return &upstream.Policies{Limiter: l}
			},
			level: "info", by: "primary", why: "limit_rpm",
			trail: []exchange.Step{{Upstream: "relay", Class: exchange.ClassNotSent, Detail: "limit_rpm", Next: "fallback"}},
			count: []string{"cutover_attempts_failed_total", "not_sent", "fallback", "relay"}},
		{name: "a hedge", relay: func(_ http.ResponseWriter, r *http.Request) {
			drain(r)
			hang(r)
		}, hedge: time.Millisecond,
			level: "info", by: "primary", why: "hedge", hedgd: "won",
			trail: []exchange.Step{{Upstream: "relay", Class: exchange.ClassAborted, Detail: "hedge", Next: "hedge"}},
			count: []string{"cutover_hedges_total", "won"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var count func(string, ...string) float64
			var policies *upstream.Policies
			if row.policies != nil {
				policies = row.policies()
			}
			b, _ := policyBench(t, policies, row.relay, func(s *setup) {
				s.router = func(c *routerConfig) {
					c.Hedge = router.Hedge{Delay: row.hedge}
					count = counted(c)
				}
			})
			asks := max(1, row.asks)
			for range asks {
				b.do("POST", d.path, chat, "Content-Type", "application/json")
			}
			b.exchangeOf(asks)
			b.settled(func() bool { return len(b.lines()) == asks }, "a line for each request")
			got := b.lines()[asks-1]
			if got.Level != row.level || got.ServedBy != row.by || got.Status != 200 || got.Fallback != row.why || got.Hedge != row.hedgd {
				t.Errorf("line %+v", got)
			}
			if len(got.Trail) != len(row.trail) {
				t.Fatalf("trail %+v\nwant  %+v", got.Trail, row.trail)
			}
			for i, step := range got.Trail {
				if step.Took <= 0 || (step.Next == "retry") != (step.Wait > 0) {
					t.Errorf("step %d took %s, then waited %s", i, step.Took, step.Wait)
				}
				if step.Took, step.Wait = 0, 0; step != row.trail[i] {
					t.Errorf("step %d: %+v\nwant    %+v", i, step, row.trail[i])
				}
			}
			if row.count != nil && count(row.count[0], row.count[1:]...) != 1 {
				t.Errorf("%q = %v, want 1", row.count, count(row.count[0], row.count[1:]...))
			}
		})
	}
}

func drain(r *http.Request) {
	for buf := make([]byte, 1024); ; {
		if _, err := r.Body.Read(buf); err != nil {
			return
		}
	}
}

// TestTheLogTellsOfWaitsForCapacity: time spent in line is not the provider's.
func TestTheLogTellsOfWaitsForCapacity(t *testing.T) {
	t.Parallel()
	d := dialects()[0]
	limiter, err := limit.New(limit.Options{Name: "relay", Limits: limit.Limits{Concurrency: 1}})
	if err != nil {
		t.Fatal(err)
	}
	first, release := make(chan struct{}), make(chan struct{})
	var calls atomic.Int64
	b, _ := policyBench(t, &upstream.Policies{Limiter: limiter, QueueTimeout: 20 * time.Second}, func(w http.ResponseWriter, r *http.Request) {
		drain(r)
		switch calls.Add(1) {
		case 1:
			close(first)
			until(r, release)
			right(&d, w, r)
		case 2: // in line, and then a failure
			w.WriteHeader(500)
		default:
			right(&d, w, r)
		}
	}, nil)
	ask := func(done chan<- struct{}) {
		if _, _, err := b.try("POST", d.path, chat, "Content-Type", "application/json"); err != nil {
			t.Error(err)
		}
		done <- struct{}{}
	}
	done := make(chan struct{}, 3)
	go ask(done)
	<-first
	go ask(done)
	b.settled(func() bool { return limiter.State().Waiting == 1 }, "the second waits")
	go ask(done)
	b.settled(func() bool { return limiter.State().Waiting == 2 }, "the third waits")
	close(release)
	for range 3 {
		<-done
	}
	b.exchangeOf(3)
	b.settled(func() bool { return len(b.lines()) == 3 }, "three lines")
	for _, line := range b.lines() {
		switch {
		case len(line.Trail) == 1: // the second: what it waited is of the call that failed
			if line.Queued != 0 || line.Trail[0].Queued <= 0 || line.Trail[0].Queued > line.Trail[0].Took {
				t.Errorf("the second: %+v", line)
			}
		case line.Level == "info":
			if line.Queued <= 0 || line.ServedBy != "relay" {
				t.Errorf("the third: %+v", line)
			}
		case line.Queued != 0:
			t.Errorf("the first did not wait: %+v", line)
		}
	}
}
