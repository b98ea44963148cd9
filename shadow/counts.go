package shadow

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/compare"
	"cutover/exchange"
)

// key is one way in which an offered request can end.
type key struct {
	outcome compare.Outcome
	why     string
}

// outcomes are all the ways there are; the set is closed, so that counting
// takes no lock and labels can't grow.
var outcomes = [...]key{
	{compare.Both, ""}, {compare.PrimaryOnly, ""}, {compare.RelayOnly, ""}, {compare.Neither, ""}, {compare.Aborted, ""},
	{compare.Skipped, exchange.SkipSample}, {compare.Skipped, exchange.SkipRelayOff},
	{compare.Skipped, exchange.SkipEndpoint}, {compare.Skipped, exchange.SkipStateful},
	{compare.Skipped, exchange.SkipBody}, {compare.Skipped, exchange.SkipInvalid},
	{compare.Skipped, exchange.SkipStamp}, {compare.Skipped, exchange.SkipCaller}, {compare.Skipped, exchange.SkipOff},
	{compare.Skipped, "model"},
	{compare.Skipped, "excluded_endpoint"}, {compare.Skipped, "excluded_tenant"},
	{compare.Skipped, "excluded_model"}, {compare.Skipped, "excluded_path"},
	{compare.Dropped, "rate"}, {compare.Dropped, "budget"}, {compare.Dropped, "no_price"}, {compare.Dropped, "limit"},
	{compare.Dropped, "concurrency"}, {compare.Dropped, "bytes"}, {compare.Dropped, "stopping"},
	{compare.Dropped, "answer_too_large"}, {compare.Dropped, "compare_queue"},
	{compare.Dropped, "other"},
}

// Counts are the outcomes of all requests offered so far. They add up to the
// number of offers once no copy is under way.
type Counts struct {
	index map[key]int // immutable after newCounts
	n     [len(outcomes)]atomic.Uint64
}

func newCounts(reg prometheus.Registerer) *Counts {
	c := &Counts{index: make(map[key]int, len(outcomes))}
	for i, k := range outcomes {
		c.index[k] = i
	}
	if reg != nil {
		reg.MustRegister(c)
	}
	return c
}

func (c *Counts) add(o compare.Outcome, why string) {
	i, ok := c.index[key{o, why}]
	if !ok {
		i = len(outcomes) - 1
	}
	c.n[i].Add(1)
}

// Count is how many requests ended in one way.
type Count struct {
	Outcome compare.Outcome `json:"outcome"`
	Why     string          `json:"why,omitempty"`
	N       uint64          `json:"n"`
}

// All lists the ways that have occurred.
func (c *Counts) All() []Count {
	var all []Count
	for i, k := range outcomes {
		if n := c.n[i].Load(); n > 0 {
			all = append(all, Count{k.outcome, k.why, n})
		}
	}
	return all
}

// Get is the number of requests with one outcome, whatever the reason.
func (c *Counts) Get(o compare.Outcome) (n uint64) {
	for i, k := range outcomes {
		if k.outcome == o {
			n += c.n[i].Load()
		}
	}
	return n
}

// Total is the number of requests that have ended, in any way.
func (c *Counts) Total() (n uint64) {
	for i := range c.n {
		n += c.n[i].Load()
	}
	return n
}

var outcomeDesc = prometheus.NewDesc("cutover_mirror_outcomes_total",
	"Requests offered to the mirror, by how they ended and why.", []string{"outcome", "why"}, nil)

// Describe implements prometheus.Collector.
func (c *Counts) Describe(ch chan<- *prometheus.Desc) { ch <- outcomeDesc }

// Collect implements prometheus.Collector.
func (c *Counts) Collect(ch chan<- prometheus.Metric) {
	for i, k := range outcomes {
		ch <- prometheus.MustNewConstMetric(outcomeDesc, prometheus.CounterValue,
			float64(c.n[i].Load()), string(k.outcome), k.why)
	}
}

// gauges registers what the mirror holds right now.
func (c *Counts) gauges(reg prometheus.Registerer, m *Mirror) {
	if reg == nil {
		return
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cutover_mirror_in_flight", Help: "Mirrored copies under way.",
		}, func() float64 { return float64(m.InFlight()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cutover_mirror_held_bytes", Help: "Request and answer bytes held for pairs.",
		}, func() float64 { return float64(m.Held()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "cutover_mirror_reruns_total", Help: "Second calls to the primary, by which its own noise is measured.",
		}, func() float64 { n, _ := m.Reruns(); return float64(n) }),
	)
}
