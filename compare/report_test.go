package compare

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// hostile is a report in which every string that could come from outside is
// markup.
func hostile() Report {
	const evil = `"><script>alert(1)</script>|[x](javascript:1)`
	r := migrate(simulatedModel{billing: 1, slower: 1, truncate: 90}, 150, 1)
	r.Scope = Scope{Model: evil, Endpoint: evil}
	r.Outcomes[evil] = 1
	r.Reasons = map[string]uint64{evil: 2}
	for i := range r.Findings {
		r.Findings[i].Code, r.Findings[i].Path, r.Findings[i].Example = evil, evil, evil
	}
	for i := range r.Groups {
		r.Groups[i].Endpoint, r.Groups[i].Model = evil, evil
	}
	for i := range r.Rows {
		r.Rows[i].Name = evil
	}
	for i := range r.Curves {
		r.Curves[i].Name = evil
	}
	return r
}

func TestEveryRendererBeginsWithTheConclusion(t *testing.T) {
	r := migrate(sameModelTwice, 300, 1)
	var text, md bytes.Buffer
	for _, err := range []error{r.WriteText(&text), r.WriteMarkdown(&md)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	first := r.Conclusion.Sentence
	if !strings.HasPrefix(text.String(), first) || !strings.HasPrefix(md.String(), "# Cutover report\n\n**"+first+"**") {
		t.Errorf("text:\n%.200s\nmarkdown:\n%.200s", text.String(), md.String())
	}
	for _, line := range strings.Split(md.String(), "\n") {
		if strings.HasPrefix(line, "| ") && strings.Count(line, "|")-strings.Count(line, `\|`) < 4 {
			t.Errorf("a broken table row: %s", line)
		}
	}
}

func TestTheMarkdownReportEscapes(t *testing.T) {
	r := hostile()
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(b.String(), "\n") {
		if i := strings.Index(line, "<script"); i >= 0 && strings.Count(line[:i], "`")%2 == 0 && !strings.HasPrefix(line, "|") {
			t.Errorf("markup outside of code: %s", line)
		}
	}
}

// Reports of any summary must be valid JSON: no infinity, no NaN.
func TestReportsAreJSON(t *testing.T) {
	for _, pairs := range []int{0, 1, 2, 99, 150} {
		r := migrate(sameModelTwice, pairs, 3)
		if _, err := json.Marshal(r); err != nil {
			t.Errorf("%d pairs: %v", pairs, err)
		}
	}
}

func TestFiguresReadWell(t *testing.T) {
	f := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		unit Unit
		v    *float64
		want string
	}{
		{UnitShare, f(0), "0 %"}, {UnitShare, f(.00042), "0.042 %"}, {UnitShare, f(.0234), "2.34 %"}, {UnitShare, f(1), "100 %"},
		{UnitMillis, f(38.21), "38.2 ms"}, {UnitMillis, f(12345), "12.3 s"}, {UnitMillis, f(1234), "1234 ms"}, {UnitMillis, nil, "–"},
		{UnitDollars, f(.0000421), "$0.000042"}, {UnitDollars, f(.0421), "$0.0421"}, {UnitDollars, f(1234567), "$1,234,567"},
		{UnitDollars, f(12.5), "$12.50"},
		{UnitRate, f(87.04), "87.0 tokens/s"}, {UnitFraction, f(.5), "0.500"},
	} {
		if got := c.unit.Format(c.v); got != c.want {
			t.Errorf("%s: got %q, want %q", c.unit, got, c.want)
		}
	}
	for ratio, want := range map[float64]string{1: "±0 %", 1.034: "+3.4 %", .5: "-50 %", 2: "+100 %", 12: "×12.0"} {
		if got := FormatChange(ratio); got != want {
			t.Errorf("change(%v) = %q, want %q", ratio, got, want)
		}
	}
	if got := roundUp(437); got != 500 {
		t.Errorf("roundUp(437) = %v", got)
	}
}
