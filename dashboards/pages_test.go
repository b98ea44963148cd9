package dashboards_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"cutover/compare"
	"cutover/dashboards"
	"cutover/exchange"
	"cutover/internal/millis"
)

// report is the report on n pairs in which the relay truncates every third
// response.
func report(n int) compare.Report {
	rng := rand.New(rand.NewPCG(1, 2))
	var sum compare.Summary
	arm := func() compare.ArmResult {
		first := time.Duration(200e6 * math.Exp(.3*rng.NormFloat64()))
		return compare.ArmResult{
			Called: true, Status: 200, Streamed: true, TTFT: millis.Duration(first), Total: millis.Duration(3 * first),
			UsageKnown: true, InputTokens: 100, OutputTokens: 50, TextBytes: 400,
		}
	}
	for i := range n {
		r := compare.Result{
			ID: fmt.Sprintf("01J%06d", i), At: time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC), Endpoint: "chat/completions", Model: "gpt-4o",
			Stream: true, Outcome: compare.Both, Primary: arm(), Relay: arm(), Checked: true, Similarity: rng.Float64(),
		}
		if i%3 == 0 {
			r.Relay.Traits = []string{compare.CodeTruncated}
			r.Findings = []compare.Finding{{Code: compare.CodeTruncated, Severity: compare.Major, Arm: "relay"}}
		}
		sum.Add(r)
	}
	return compare.NewReport(&sum, compare.ReportOptions{Now: time.Unix(0, 0)})
}

// hostileReport is a report in which every string that could come from outside
// is markup.
func hostileReport() compare.Report {
	const evil = `"><script>alert(1)</script>|[x](javascript:1)`
	r := report(150)
	r.Scope = compare.Scope{Model: evil, Endpoint: evil}
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

// A model's name or a path in its response must never become markup.
func TestTheReportEscapesEverythingAndLoadsNothing(t *testing.T) {
	t.Parallel()
	r := hostileReport()
	if len(r.Findings) == 0 || len(r.Groups) == 0 || len(r.Rows) == 0 || len(r.Curves) == 0 {
		t.Fatalf("the report lacks a part: %+v", r)
	}
	var b bytes.Buffer
	if err := dashboards.WriteReport(&b, &r); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "script", "link", "img", "iframe", "object", "form", "a", "base":
			t.Errorf("an element <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if a.Key == "src" || a.Key == "href" || strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestTheReportShowsItsParts(t *testing.T) {
	t.Parallel()
	r := report(300)
	var b bytes.Buffer
	if err := dashboards.WriteReport(&b, &r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		html.EscapeString(r.Conclusion.Sentence), `class="conclusion stop"`, "first token p95", "Questions before the cutover",
		"Relay compared with primary", "<svg", "Significantly more frequent", "300 pairs compared",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q on the page:\n%s", want, b.String())
		}
	}
}

func TestAReportOnAnyNumberOfPairsIsAPage(t *testing.T) {
	t.Parallel()
	for _, pairs := range []int{0, 1, 2, 99, 150} {
		r := report(pairs)
		var b bytes.Buffer
		if err := dashboards.WriteReport(&b, &r); err != nil || !strings.HasSuffix(strings.TrimSpace(b.String()), "</html>") {
			t.Errorf("%d pairs: %v", pairs, err)
		}
	}
}

// A response must not control the page of whoever looks at it.
func TestTheSampleEscapesEverything(t *testing.T) {
	t.Parallel()
	const evil = "\x1b]0;owned\x07\x1b[2J\u202eabc\u0085<script>alert(1)</script><img src=x onerror=y>"
	response := func(text string) *exchange.Exchange {
		return &exchange.Exchange{Status: 200, Completion: exchange.Completion{
			Text: text, TextBytes: len(text), ToolCalls: []exchange.ToolCall{{Name: evil, Arguments: evil}},
		}}
	}
	p := compare.Pair{
		Request: &exchange.Request{ID: "01J", Body: []byte(evil)}, Outcome: compare.Both,
		Primary: response(evil + " one"), Relay: response(evil + " two"),
	}
	for _, capture := range []compare.Capture{compare.CaptureFull, compare.CaptureRedacted, compare.CaptureHashes, compare.CaptureNone} {
		s := compare.NewSample(p, compare.Compare(p, compare.Options{}), capture, compare.Known{})
		var b bytes.Buffer
		if err := dashboards.WriteSample(&b, &s); err != nil {
			t.Fatal(err)
		}
		if got, want := strings.Contains(b.String(), "<h2>Responses"), capture != compare.CaptureNone; got != want {
			t.Errorf("%s: the page shows responses: %v, want %v", capture, got, want)
		}
		if want := s.CaptureNote(); !strings.Contains(b.String(), want) {
			t.Errorf("%s: no %q on the page", capture, want)
		}
		doc, err := html.Parse(&b)
		if err != nil {
			t.Fatal(err)
		}
		for n := range doc.Descendants() {
			if n.Type == html.ElementNode && (n.Data == "script" || n.Data == "img") {
				t.Errorf("%s: an element <%s>", capture, n.Data)
			}
		}
	}
}
