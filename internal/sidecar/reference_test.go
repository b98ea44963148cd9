package sidecar

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"cutover/internal/doctable"
	"cutover/internal/rediskeys"
)

const referencePage = "../../docs/reference.md"

// collectorList remembers what is registered.
type collectorList struct {
	*prometheus.Registry
	all []prometheus.Collector
}

func (l *collectorList) Register(c prometheus.Collector) error {
	l.all = append(l.all, c)
	return l.Registry.Register(c)
}

func (l *collectorList) MustRegister(cs ...prometheus.Collector) {
	l.all = append(l.all, cs...)
	l.Registry.MustRegister(cs...)
}

// TestReferenceMetrics writes the list of metrics from what a sidecar with
// everything switched on registers.
func TestReferenceMetrics(t *testing.T) {
	conf := loadFrom(t, "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nstore: {dir: "+t.TempDir()+"}\n", nil)
	list := &collectorList{Registry: prometheus.NewRegistry()}
	s := &Sidecar{cfg: conf.Config, log: zerolog.Nop(), Registry: list.Registry, registerer: list}
	if err := s.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.release()
	rows := [][]string{}
	for _, c := range list.all {
		descs := make(chan *prometheus.Desc, 100)
		c.Describe(descs)
		close(descs)
		for d := range descs {
			rows = append(rows, metricRow(t, c, d))
		}
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	rows = slices.CompactFunc(rows, slices.Equal)
	if len(rows) < 25 {
		t.Fatalf("%d metrics, want all", len(rows))
	}
	head := []string{"metric", "type", "unit", "labels", "meaning"}
	text := doctable.Table(append([][]string{head}, rows...)...) +
		"Beside them stand the Go runtime's and the process's own (`go_...`, `process_...`).\n\n"
	doctable.Hold(t, referencePage, "metrics", text)
}

var descText = regexp.MustCompile(
	`^Desc\{fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)"(?:, unit: "[^"]*")?, constLabels: \{([^}]*)\}, variableLabels: \{([^}]*)\}`,
)

// constLabel is the name of a label that one collector never changes.
var constLabel = regexp.MustCompile(`\w+(?:=")`)

// metricRow is a metric's row of the table.
func metricRow(t *testing.T, c prometheus.Collector, d *prometheus.Desc) []string {
	t.Helper()
	m := descText.FindStringSubmatch(d.String())
	if m == nil {
		t.Fatalf("can't read %s", d)
	}
	name, help := m[1], strings.ReplaceAll(m[2], `\"`, `"`)
	if !strings.HasPrefix(name, "cutover_") || help == "" {
		t.Errorf("%s: a metric's name begins with cutover_, and it has a help text", d)
	}
	kind := "gauge"
	switch c.(type) {
	case *prometheus.HistogramVec, prometheus.Histogram:
		kind = "histogram"
	}
	if strings.HasSuffix(name, "_total") {
		kind = "counter"
	}
	var labels []string
	for _, l := range append(constLabel.FindAllString(m[3], -1), strings.Split(m[4], ",")...) {
		if l = strings.TrimSuffix(l, `="`); l != "" {
			labels = append(labels, "`"+l+"`")
		}
	}
	return []string{"`" + name + "`", kind, unitOf(name), strings.Join(labels, ", "), help}
}

// unitOf is a metric's unit, which its name ends in.
func unitOf(name string) string {
	base := strings.TrimSuffix(name, "_total")
	for _, unit := range []string{"seconds", "bytes", "dollars", "tokens", "ratio"} {
		if strings.HasSuffix(base, "_"+unit) {
			return unit
		}
	}
	return "number"
}

// TestReferenceRedisKeys writes the list of Redis keys.
func TestReferenceRedisKeys(t *testing.T) {
	rows := [][]string{{"key", "type", "holds", "expires", "written by"}}
	for _, k := range rediskeys.All() {
		rows = append(rows, []string{"`" + k.Name + "`", k.Type, k.What, k.Expiry, k.WrittenBy})
	}
	doctable.Hold(t, referencePage, "redis keys", doctable.Table(rows...))
}
