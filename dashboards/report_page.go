package dashboards

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"cutover/compare"
)

//go:embed pages/report.html.tmpl
var reportPage string

// maxRows bounds the findings and the groups that a page lists.
const maxRows = 25

// WriteReport writes the report as one HTML page that needs nothing else: no
// script, no font, no network. Everything it shows is escaped.
func WriteReport(w io.Writer, r *compare.Report) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"share":      compare.UnitShare.Format,
		"millis":     compare.UnitMillis.Format,
		"fraction":   compare.UnitFraction.Format,
		"count":      compare.FormatCount,
		"when":       formatTime,
		"title":      title,
		"senseClass": senseClass,
	}).Parse(reportPage)
	if err != nil {
		return fmt.Errorf("report's page: %w", err)
	}
	shown := *r
	shown.Findings = shown.Findings[:min(len(shown.Findings), maxRows)]
	shown.Groups = shown.Groups[:min(len(shown.Groups), maxRows)]
	view := reportView{
		Report: &shown, MoreFindings: len(r.Findings) - len(shown.Findings),
		Forest: forestChart(r.Rows), Histogram: histogramChart(r.Contents.SimilarityHistogram),
	}
	for i := range r.Curves {
		if c := &r.Curves[i]; c.Key == "ttft" || c.Key == "total" || c.Key == "rate" {
			view.Charts = append(view.Charts, titledChart{c.Name, curveChart(c)})
		}
	}
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("report's page: %w", err)
	}
	return nil
}

// reportView is what the page's template is filled with.
type reportView struct {
	*compare.Report
	MoreFindings      int
	Forest, Histogram template.HTML
	Charts            []titledChart
}

type titledChart struct {
	Title string
	SVG   template.HTML
}

// senseClass is the CSS class of a row's comparison.
func senseClass(r *compare.Row) string {
	switch r.Sense() {
	case -1:
		return "worse"
	case 1:
		return "better"
	}
	return ""
}

func formatTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") }

// title writes the first letter of a name as a capital.
func title(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
