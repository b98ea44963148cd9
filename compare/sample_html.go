package compare

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"
)

//go:embed sample.html.tmpl
var samplePage string

// WriteHTML writes the sample as one page that needs nothing else; everything
// that was said is escaped.
func (s *Sample) WriteHTML(w io.Writer) error {
	page, err := template.New("sample").Funcs(template.FuncMap{
		"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 MST") },
	}).Parse(samplePage)
	if err != nil {
		return fmt.Errorf("sample's page: %w", err)
	}
	left, right := sidesOf(s.Primary.whole(), s.Relay.whole())
	view := sampleView{
		Sample: s, Mode: mode(s.Result.Stream), Outcome: strings.ReplaceAll(string(s.Result.Outcome), "_", " "),
		Figures: s.figures(), Request: pretty(s.Request.Body), Left: shown(left), Right: shown(right),
		Said: s.Capture != CaptureNone, Kept: captureWord(s.Capture),
	}
	if err := page.Execute(w, view); err != nil {
		return fmt.Errorf("sample's page: %w", err)
	}
	return nil
}

type sampleView struct {
	*Sample
	Mode, Outcome, Request, Kept string
	Figures                      [][3]string
	Left, Right                  []shownPiece
	Said                         bool
}

type shownPiece struct {
	Text    string
	Changed bool
}

func shown(pieces []piece) []shownPiece {
	out := make([]shownPiece, len(pieces))
	for i, p := range pieces {
		out[i] = shownPiece{visible(p.text), p.changed}
	}
	return out
}
