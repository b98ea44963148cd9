package compare

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed report.html.tmpl
var reportPage string

// WriteHTML writes the report as one page that needs nothing else: no script,
// no font, no network. Whatever it shows is escaped.
func (r *Report) WriteHTML(w io.Writer) error {
	page, err := template.New("report").Funcs(template.FuncMap{
		"share":    UnitShare.Format,
		"millis":   UnitMillis.Format,
		"fraction": UnitFraction.Format,
		"count":    func(n uint64) string { return count(float64(n)) },
		"when":     func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
		"title":    capitalise,
	}).Parse(reportPage)
	if err != nil {
		return fmt.Errorf("report's page: %w", err)
	}
	shown := *r
	more := 0
	if len(shown.Findings) > maxShown {
		more = len(shown.Findings) - maxShown
		shown.Findings = shown.Findings[:maxShown]
	}
	shown.Groups = shown.Groups[:min(len(shown.Groups), maxShown)]
	view := reportView{
		Report: &shown, MoreFindings: more,
		Heading: r.heading(), Outcome: r.outcomeLine(), ContentsLine: r.contentsLine(), Method: r.method(),
		Forest: forestChart(r.Rows), Alike: alikeChart(r.Contents.Alike),
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
	*Report
	MoreFindings                           int
	Heading, Outcome, ContentsLine, Method string
	Forest, Alike                          template.HTML
	Charts                                 []titledChart
}

type titledChart struct {
	Title string
	SVG   template.HTML
}

// SenseClass is the style of a row's comparison.
func (r *Row) SenseClass() string {
	switch r.Sense() {
	case -1:
		return "worse"
	case 1:
		return "better"
	}
	return ""
}
