package compare

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// maxRows bounds the findings and the groups that a written report lists.
const maxRows = 25

// Headings that every form of the report shares.
const (
	noiseHeading     = "Does the relay differ by more than the primary's run-to-run variation?"
	questionsHeading = "Questions before the cutover"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Conclusion.Sentence)
	for _, reason := range r.Conclusion.Reasons {
		fmt.Fprintf(&b, "  · %s\n", reason)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n", r.Heading(), r.OutcomeLine())
	if line := r.NotMirroredLine(); line != "" {
		fmt.Fprintf(&b, "%s\n", line)
	}
	b.WriteByte('\n')
	if r.Requests == 0 {
		_, err := io.WriteString(w, b.String())
		return err
	}
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tprimary\trelay\trelay vs primary")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", row.Name, row.Unit.Format(row.Primary), row.Unit.Format(row.Relay), row.Against())
	}
	_ = tw.Flush() // into a builder, which takes everything
	if r.Saving != nil {
		fmt.Fprintf(&b, "\n%s\n", r.Saving.Sentence())
	}
	fmt.Fprintf(&b, "\n%s\n", r.ContentsLine())
	fmt.Fprintf(&b, "%s %s. %s\n", noiseHeading, capitalise(r.Noise.Differs.String()), r.Noise.Sentence)
	r.writeFindings(&b)
	r.writeQuestions(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// NotMirroredLine says how many requests were not mirrored, and why; "": it is not
// known, or all were.
func (r *Report) NotMirroredLine() string {
	var total uint64
	var reasons []string
	for _, why := range slices.SortedFunc(maps.Keys(r.NotMirrored), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.NotMirrored[b], r.NotMirrored[a]), cmp.Compare(a, b))
	}) {
		n := r.NotMirrored[why]
		total += n
		reasons = append(reasons, fmt.Sprintf("%s %d", strings.ReplaceAll(why, "_", " "), n))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("Requests not mirrored by this sidecar since its start: %d (%s)", total, strings.Join(reasons, ", "))
}

func (r *Report) writeFindings(b *strings.Builder) {
	if len(r.Findings) == 0 {
		return
	}
	b.WriteString("\nFindings\n")
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, f := range r.Findings {
		if i == maxRows {
			fmt.Fprintf(tw, "  and %d more\n", len(r.Findings)-maxRows)
			break
		}
		fmt.Fprintf(tw, "  %s%s\t%s\trelay %d, primary %d%s\t%s\t%s\n",
			mark(f.Significant), f.Severity, f.title(), f.Relay, f.Primary, pairCount(f.Pair), f.Example, f.Sentence)
	}
	_ = tw.Flush()
	b.WriteString("  (! the relay has it significantly more often; unmarked differences may be chance)\n")
}

func mark(significant bool) string {
	if significant {
		return "! "
	}
	return "  "
}

func pairCount(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", both %d", n)
}

func (f *FindingSummary) title() string {
	if f.Path == "" {
		return f.Code
	}
	return f.Code + " " + f.Path
}

func (r *Report) writeQuestions(b *strings.Builder) {
	if r.Pairs == 0 {
		return
	}
	b.WriteString("\n" + questionsHeading + "\n")
	for _, q := range r.Questions {
		fmt.Fprintf(b, "  %-8s %s %s\n", q.Answer, q.Text, q.Why)
	}
}

// Heading says how much was seen, when, and of what.
func (r *Report) Heading() string {
	h := plural(r.Pairs, "pair") + " compared"
	if !r.First.IsZero() {
		h += fmt.Sprintf(", %s to %s", r.First.UTC().Format(time.DateTime), r.Last.UTC().Format(time.DateTime+" MST"))
	}
	if r.Scope.Model != "" {
		h += ", model " + r.Scope.Model
	}
	if r.Scope.Endpoint != "" {
		h += ", endpoint " + r.Scope.Endpoint
	}
	return h
}

// OutcomeLine says what became of the requests.
func (r *Report) OutcomeLine() string {
	parts := []string{plural(r.Requests, "request")}
	for _, o := range slices.Sorted(maps.Keys(r.Outcomes)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(string(o), "_", " "), r.Outcomes[o]))
	}
	for _, why := range slices.Sorted(maps.Keys(r.Reasons)) {
		parts = append(parts, fmt.Sprintf("(%s %d)", why, r.Reasons[why]))
	}
	return strings.Join(parts, " · ")
}

// ContentsLine says how similar the contents were.
func (r *Report) ContentsLine() string {
	if r.Checked == 0 {
		return "No pair had two usable responses whose contents could be compared."
	}
	s := fmt.Sprintf("Contents of %s: mean word similarity %s, identical text %s, identical tool calls %s", plural(r.Checked, "pair"),
		UnitFraction.Format(r.Contents.Similarity), UnitShare.Format(r.Contents.TextEqual), UnitShare.Format(r.Contents.ToolsEqual))
	if r.Contents.ToolF1 != nil {
		s += fmt.Sprintf(", F1 of whether to call a tool %s", UnitFraction.Format(r.Contents.ToolF1))
	}
	return s + "."
}

// Sentence puts the saving into words.
func (s *Saving) Sentence() string {
	amount, more := s.PerMonth, ""
	verb := "saves"
	if amount < 0 {
		verb, amount, more = "costs", -amount, " more"
	}
	return fmt.Sprintf("The relay %s %s a month%s: %s instead of %s for %s calls. %s", verb, formatDollars(amount), more,
		formatDollars(s.RelayPerMonth), formatDollars(s.PrimaryPerMonth), formatCount(s.CallsPerMonth), s.Basis)
}
