package router

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/exchange"
)

// Metrics counts and times what callers were served. Its Observe fits
// Config.Served and takes a lock only when a combination of labels is new.
type Metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	ttft     *prometheus.HistogramVec
	tokens   *prometheus.CounterVec
	steps    *prometheus.CounterVec
	hedges   *prometheus.CounterVec

	mu     sync.Mutex // of writers of series
	series atomic.Pointer[map[seriesKey]*series]
}

type seriesKey struct {
	endpoint *exchange.Endpoint
	arm      exchange.Arm
	class    exchange.Class
}

type series struct {
	requests       prometheus.Counter
	duration, ttft prometheus.Observer
	input, output  prometheus.Counter
}

// NewMetrics registers the served calls' metrics.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	// The buckets are those of the GenAI conventions: .01 s doubling to 81.92 s.
	buckets := prometheus.ExponentialBuckets(.01, 2, 14)
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cutover_requests_total",
			Help: "Requests served, by endpoint, upstream and how the response ended (error_type, empty for success).",
		}, []string{"endpoint", "served_by", "error_type"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cutover_request_duration_seconds", Help: "From the start of the call to the end of its response.", Buckets: buckets,
		}, []string{"endpoint", "served_by"}),
		ttft: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "cutover_time_to_first_token_seconds", Help: "From the start of the call to the first content.", Buckets: buckets,
		}, []string{"endpoint", "served_by"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cutover_tokens_total", Help: "Tokens used, as served responses report them.",
		}, []string{"endpoint", "served_by", "token_type"}),
		steps: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cutover_attempts_failed_total",
			Help: "Attempts that did not serve, by upstream, why (error_type), and what came next (retry, fallback, hedge, merge).",
		}, []string{"upstream", "error_type", "next"}),
	}
	m.hedges = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cutover_hedges_total",
		Help: "Slow calls that were due for a second provider, by outcome: won, lost, failed, needed or no_budget.",
	}, []string{"outcome"})
	reg.MustRegister(m.requests, m.duration, m.ttft, m.tokens, m.steps, m.hedges)
	m.series.Store(&map[seriesKey]*series{})
	return m
}

// Observe records one served exchange.
func (m *Metrics) Observe(q *exchange.Request, x *exchange.Exchange) {
	for _, step := range x.Trail { // rare enough for the registry's lock
		m.steps.WithLabelValues(step.Upstream, string(step.Class), step.Next).Inc()
	}
	if x.Hedge != "" {
		m.hedges.WithLabelValues(string(x.Hedge)).Inc()
	}
	s := m.get(seriesKey{q.Endpoint, x.Arm, x.Class})
	s.requests.Inc()
	s.duration.Observe(x.Total.Seconds())
	if x.TTFT > 0 {
		s.ttft.Observe(x.TTFT.Seconds())
	}
	if x.Usage.Known {
		s.input.Add(float64(max(0, x.Usage.InputTokens)))
		s.output.Add(float64(max(0, x.Usage.OutputTokens)))
	}
}

func (m *Metrics) get(k seriesKey) *series {
	if s := (*m.series.Load())[k]; s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.series.Load()
	if s := old[k]; s != nil {
		return s
	}
	name, arm := k.endpoint.Name, k.arm.String()
	s := &series{
		requests: m.requests.WithLabelValues(name, arm, string(k.class)),
		duration: m.duration.WithLabelValues(name, arm),
		ttft:     m.ttft.WithLabelValues(name, arm),
		input:    m.tokens.WithLabelValues(name, arm, "input"),
		output:   m.tokens.WithLabelValues(name, arm, "output"),
	}
	next := maps.Clone(old)
	next[k] = s
	m.series.Store(&next)
	return s
}
