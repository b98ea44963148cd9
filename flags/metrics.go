package flags

import (
	"errors"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the set's Prometheus metrics. Labels come from closed sets.
type metrics struct {
	reads   *prometheus.CounterVec // by result: "ok" or a fault's code
	changes prometheus.Counter
	dropped prometheus.Counter
	reloads *prometheus.CounterVec // by cause: see the causes of a reload
}

func newMetrics(r prometheus.Registerer, s *Set) (*metrics, error) {
	m := &metrics{
		reads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cutover_flags_reads_total", Help: "Reads of the store of the flags, by result.",
		}, []string{"result"}),
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cutover_flags_changes_total", Help: "Flags whose value or rule changed, as this process saw them.",
		}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cutover_flags_updates_dropped_total", Help: "Updates that a slow subscriber missed.",
		}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cutover_flags_reloads_total", Help: "Reloads from Redis, by cause.",
		}, []string{"cause"}),
	}
	if r == nil {
		return m, nil
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	collectors := []prometheus.Collector{
		m.reads, m.changes, m.dropped, m.reloads,
		gauge("cutover_flags_stale", "1 while the flags are STALE and the last good values are in force.", func() float64 {
			if s.State().Status == Stale {
				return 1
			}
			return 0
		}),
		gauge("cutover_flags_halted", "1 while the relay is halted in this process, whatever the flags say.", func() float64 {
			if s.Halted() != nil {
				return 1
			}
			return 0
		}),
		gauge("cutover_flags_age_seconds", "Time since the store of the flags was last read in full.", func() float64 {
			return time.Duration(s.State().Age).Round(time.Millisecond).Seconds()
		}),
		gauge("cutover_flags_version", "Version of the flags in force.", func() float64 {
			return float64(s.current.Load().version)
		}),
	}
	collectors = append(collectors, valueGauges(s)...)
	var failed error
	for _, c := range collectors {
		failed = errors.Join(failed, r.Register(c))
	}
	return m, failed
}

// valueGauges show the six flags: percentages as they are, booleans as 0 or 1,
// an enum as the index of its value: primary 0, relay 1. Rules are not evaluated.
func valueGauges(s *Set) []prometheus.Collector {
	out := make([]prometheus.Collector, 0, flagCount)
	for id := range flagCount {
		out = append(out, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name:        "cutover_flags_value",
			Help:        "Value of a flag when no rule applies.",
			ConstLabels: prometheus.Labels{"flag": id.Key()},
		}, func() float64 {
			v, _ := s.current.Load().flags[id.Key()].valueWithoutRule(id)
			switch v := v.(type) {
			case float64:
				return v
			case bool:
				if v {
					return 1
				}
			case string:
				return float64(slices.Index(definitions[id].Allowed, v))
			}
			return 0
		}))
	}
	return out
}

func (m *metrics) read(f *fault, changed []string) {
	result := "ok"
	if f != nil {
		result = f.code
	}
	m.reads.WithLabelValues(result).Inc()
	m.changes.Add(float64(len(changed)))
}
