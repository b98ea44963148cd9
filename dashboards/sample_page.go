package dashboards

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"cutover/compare"
)

//go:embed pages/sample.html.tmpl
var samplePage string

// WriteSample writes the sample of a pair as one HTML page that needs nothing
// else. Text of the request and the responses is escaped.
func WriteSample(w io.Writer, s *compare.Sample) error {
	page, err := template.New("sample").Funcs(template.FuncMap{"when": formatTime}).Parse(samplePage)
	if err != nil {
		return fmt.Errorf("sample's page: %w", err)
	}
	view := sampleView{
		Sample: s, Outcome: strings.ReplaceAll(string(s.Result.Outcome), "_", " "),
		RequestText: s.Request.Pretty(), HasText: s.Capture != compare.CaptureNone,
	}
	view.Left, view.Right = s.Sides()
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("sample's page: %w", err)
	}
	return nil
}

// sampleView is what the page's template is filled with.
type sampleView struct {
	*compare.Sample
	Outcome, RequestText string
	Left, Right          []compare.Piece
	HasText              bool
}
