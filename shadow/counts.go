package shadow

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"cutover/compare"
	"cutover/exchange"
)

// The reasons for skipping and dropping, besides those of exchange.
const (
	skipModel            = "model"             // the strict model map does not have it
	skipExcludedEndpoint = "excluded_endpoint" // shadow.exclude names the endpoint
	skipExcludedTenant   = "excluded_tenant"   // shadow.exclude names the tenant
	skipExcludedModel    = "excluded_model"    // shadow.exclude names the model
	skipExcludedPath     = "excluded_path"     // shadow.exclude names the path

	dropRate             = "rate"               // over MaxRPS
	dropBudget           = "budget"             // the day's budget is spent
	dropNoPrice          = "no_price"           // there is a budget, and the model's cost is unknown
	dropLimit            = "limit"              // the upstream's own limits are reached
	dropConcurrency      = "concurrency"        // over MaxConcurrency
	dropBytes            = "bytes"              // over MaxBytes
	dropResponseTooLarge = "response_too_large" // the shadow response is too large
	dropCompareQueue     = "compare_queue"      // too many pairs wait for a comparison
	dropStopping         = "stopping"           // the mirror is stopping
	dropPanic            = "panic"              // a fault of the sidecar's own; the log has its stack
	dropOther            = "other"              // none of the above
)

// outcomeKey is one way in which an offered request can end.
type outcomeKey struct {
	outcome compare.Outcome
	why     string
}

// outcomes lists all ways. The list is closed, so that counting takes no lock
// and labels can't grow.
var outcomes = [...]outcomeKey{
	{compare.Both, ""}, {compare.PrimaryOnly, ""}, {compare.RelayOnly, ""}, {compare.Neither, ""}, {compare.Aborted, ""},
	{compare.Skipped, exchange.SkipSample}, {compare.Skipped, exchange.SkipRelayOff},
	{compare.Skipped, exchange.SkipEndpoint}, {compare.Skipped, exchange.SkipStateful},
	{compare.Skipped, exchange.SkipPath}, {compare.Skipped, exchange.SkipEncoded},
	{compare.Skipped, exchange.SkipMemory}, {compare.Skipped, exchange.SkipBody}, {compare.Skipped, exchange.SkipInvalid},
	{compare.Skipped, exchange.SkipStamp}, {compare.Skipped, exchange.SkipCaller}, {compare.Skipped, exchange.SkipOff},
	{compare.Skipped, exchange.SkipSocket},
	{compare.Skipped, "tool_web_search"}, {compare.Skipped, "tool_web_fetch"}, {compare.Skipped, "tool_file_search"},
	{compare.Skipped, "tool_code_interpreter"}, {compare.Skipped, "tool_code_execution"}, {compare.Skipped, "tool_computer_use"},
	{compare.Skipped, "tool_mcp"}, {compare.Skipped, "tool_image_generation"}, {compare.Skipped, "tool_tool_search"},
	{compare.Skipped, "tool_container"}, {compare.Skipped, "tool_provider_tool"},
	{compare.Skipped, skipModel}, {compare.Skipped, skipExcludedEndpoint}, {compare.Skipped, skipExcludedTenant},
	{compare.Skipped, skipExcludedModel}, {compare.Skipped, skipExcludedPath},
	{compare.Dropped, dropRate}, {compare.Dropped, dropBudget}, {compare.Dropped, dropNoPrice}, {compare.Dropped, dropLimit},
	{compare.Dropped, dropConcurrency}, {compare.Dropped, dropBytes}, {compare.Dropped, dropStopping},
	{compare.Dropped, dropResponseTooLarge}, {compare.Dropped, dropCompareQueue},
	{compare.Dropped, dropPanic}, {compare.Dropped, dropOther},
}

// Counts are the outcomes of all requests offered so far. They add up to the
// number of offers once no shadow request is in flight.
type Counts struct {
	index map[outcomeKey]int // immutable after newCounts
	n     [len(outcomes)]atomic.Uint64
}

func newCounts(reg prometheus.Registerer) *Counts {
	c := &Counts{index: make(map[outcomeKey]int, len(outcomes))}
	for i, k := range outcomes {
		c.index[k] = i
	}
	if reg != nil {
		reg.MustRegister(c)
	}
	return c
}

func (c *Counts) add(o compare.Outcome, why string) {
	i, ok := c.index[outcomeKey{o, why}]
	if !ok {
		i = len(outcomes) - 1
	}
	c.n[i].Add(1)
}

// Count is how many requests ended in one way.
type Count struct {
	Outcome compare.Outcome `json:"outcome"`
	Why     string          `json:"why,omitempty"` // why it was skipped or dropped, as a short code
	N       uint64          `json:"n"`             // number of requests since the start
}

// All lists the outcomes that have occurred.
func (c *Counts) All() []Count {
	all := []Count{}
	for i, k := range outcomes {
		if n := c.n[i].Load(); n > 0 {
			all = append(all, Count{k.outcome, k.why, n})
		}
	}
	return all
}

// Unmirrored counts, by reason, the requests of which no pair came.
func (c *Counts) Unmirrored() map[string]uint64 {
	by := map[string]uint64{}
	for i, k := range outcomes {
		if n := c.n[i].Load(); n > 0 && (k.outcome == compare.Skipped || k.outcome == compare.Dropped) {
			by[k.why] += n
		}
	}
	return by
}

// Get is the number of requests with one outcome, for any reason.
func (c *Counts) Get(o compare.Outcome) (n uint64) {
	for i, k := range outcomes {
		if k.outcome == o {
			n += c.n[i].Load()
		}
	}
	return n
}

// Total is the number of requests that have ended.
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

// registerGauges registers gauges of what the mirror holds right now.
func (c *Counts) registerGauges(reg prometheus.Registerer, m *Mirror) {
	if reg == nil {
		return
	}
	reg.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cutover_mirror_in_flight", Help: "Shadow requests in flight.",
		}, func() float64 { return float64(m.InFlight()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "cutover_mirror_held_bytes", Help: "Request and response bytes held for pairs.",
		}, func() float64 { return float64(m.Held()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "cutover_mirror_reruns_total", Help: "Second calls to the primary, to measure its run-to-run variation.",
		}, func() float64 { n, _ := m.Reruns(); return float64(n) }),
	)
}
