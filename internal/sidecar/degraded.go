package sidecar

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"cutover/internal/admin"
)

// The parts that requests can be served without.
const (
	partStore   = "store"   // cutover.db
	partResults = "results" // and their sums: the report
	partSamples = "samples"
	partFlags   = "flags" // the flags file, or the last good copy of a fleet's
	partAudit   = "audit" // of flags kept in a file
)

// degradations are the parts that work less well than they should. Each change is logged
// once, however often the same error comes.
type degradations struct {
	log  zerolog.Logger
	desc *prometheus.Desc

	mu    sync.Mutex
	parts map[string]admin.Degradation
}

func newDegradations(log zerolog.Logger) *degradations {
	return &degradations{log: log, parts: map[string]admin.Degradation{}, desc: prometheus.NewDesc("cutover_degraded",
		"1 for each part that works less well than it should, although requests are served; /readyz says why.",
		[]string{"part"}, nil)}
}

// set says why a part is degraded; "" that it is not.
func (d *degradations) set(part, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	was, already := d.parts[part]
	switch {
	case reason == "" && already:
		delete(d.parts, part)
		d.log.Info().Str("part", part).Dur("after", time.Since(was.Since)).Msg("no longer degraded")
	case reason == "":
	case already:
		was.Reason = reason
		d.parts[part] = was
	default:
		d.parts[part] = admin.Degradation{Part: part, Reason: reason, Since: time.Now().UTC()}
		d.log.Warn().Str("part", part).Str("reason", reason).Msg("degraded: requests are served nevertheless")
	}
}

// after returns a function that takes the error of each of a part's writes.
func (d *degradations) after(part string) func(error) {
	return func(err error) {
		if err != nil {
			d.set(part, err.Error())
			return
		}
		d.set(part, "")
	}
}

// all lists the degraded parts by name.
func (d *degradations) all() []admin.Degradation {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := make([]admin.Degradation, 0, len(d.parts))
	for _, p := range d.parts {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b admin.Degradation) int { return strings.Compare(a.Part, b.Part) })
	return out
}

// degradedParts lists the degraded parts, those of the flags included.
func (s *Sidecar) degradedParts() []admin.Degradation { return s.degraded.all() }

// Describe implements prometheus.Collector.
func (d *degradations) Describe(out chan<- *prometheus.Desc) { out <- d.desc }

// Collect implements prometheus.Collector.
func (d *degradations) Collect(out chan<- prometheus.Metric) {
	degraded := map[string]bool{}
	for _, p := range d.all() {
		degraded[p.Part] = true
	}
	for _, part := range []string{partStore, partResults, partSamples, partFlags, partAudit} {
		gauge(out, d.desc, oneIf(degraded[part]), part)
	}
}
