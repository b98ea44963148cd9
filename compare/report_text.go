package compare

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// maxShown bounds the lists of a report that is read from top to bottom.
const maxShown = 25

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.Verdict.Sentence)
	for _, reason := range r.Verdict.Reasons {
		fmt.Fprintf(&b, "  · %s\n", reason)
	}
	fmt.Fprintf(&b, "\n%s\n%s\n\n", r.heading(), r.outcomeLine())
	if r.Requests == 0 {
		_, err := io.WriteString(w, b.String())
		return err
	}
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "\tprimary\trelay\trelay against primary")
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\n", row.Name, row.Unit.Format(row.Primary), row.Unit.Format(row.Relay), row.Against())
	}
	_ = tw.Flush() // into a builder, which takes everything
	if r.Saving != nil {
		fmt.Fprintf(&b, "\n%s\n", r.Saving.Sentence())
	}
	fmt.Fprintf(&b, "\n%s\n", r.contentsLine())
	fmt.Fprintf(&b, "Does the relay differ more than the primary differs from itself? %s. %s\n", capitalise(string(r.Noise.Differs)), r.Noise.Sentence)
	r.writeFindings(&b)
	r.writeQuestions(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeFindings(b *strings.Builder) {
	if len(r.Findings) == 0 {
		return
	}
	b.WriteString("\nFindings\n")
	tw := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	for i, f := range r.Findings {
		if i == maxShown {
			fmt.Fprintf(tw, "  and %d more\n", len(r.Findings)-maxShown)
			break
		}
		fmt.Fprintf(tw, "  %s%s\t%s\trelay %d, primary %d%s\t%s\t%s\n", mark(f.Raised), f.Severity, f.title(), f.Relay, f.Primary, pairCount(f.Pair), f.Example, f.Sentence)
	}
	_ = tw.Flush()
	b.WriteString("  (! the relay is shown to have it more often; others may be chance)\n")
}

func mark(raised bool) string {
	if raised {
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

func (f *Found) title() string {
	if f.Path == "" {
		return f.Code
	}
	return f.Code + " " + f.Path
}

func (r *Report) writeQuestions(b *strings.Builder) {
	if r.Pairs == 0 {
		return
	}
	b.WriteString("\nWhat must be known\n")
	for _, q := range r.Questions {
		fmt.Fprintf(b, "  %-14s %s %s\n", q.Answer, q.Text, q.Why)
	}
}

// heading tells how much was seen, when, and of what.
func (r *Report) heading() string {
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

// outcomeLine tells what became of every request.
func (r *Report) outcomeLine() string {
	parts := []string{plural(r.Requests, "request")}
	for _, o := range slices.Sorted(maps.Keys(r.Outcomes)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(string(o), "_", " "), r.Outcomes[o]))
	}
	for _, why := range slices.Sorted(maps.Keys(r.Reasons)) {
		parts = append(parts, fmt.Sprintf("(%s %d)", why, r.Reasons[why]))
	}
	return strings.Join(parts, " · ")
}

func (r *Report) contentsLine() string {
	if r.Checked == 0 {
		return "No pair had two usable answers whose contents could be compared."
	}
	s := fmt.Sprintf("Contents of %s: mean word similarity %s, same text %s, same tool calls %s", plural(r.Checked, "pair"),
		UnitFraction.Format(r.Contents.Similarity), UnitShare.Format(r.Contents.TextEqual), UnitShare.Format(r.Contents.ToolsEqual))
	if r.Contents.ToolF1 != nil {
		s += fmt.Sprintf(", F1 of calling a tool or not %s", UnitFraction.Format(r.Contents.ToolF1))
	}
	return s + "."
}

// Sentence puts the saving into words.
func (s *Saving) Sentence() string {
	verb, amount := "saves", s.PerMonth
	if amount < 0 {
		verb, amount = "costs", -amount
		return fmt.Sprintf("The relay %s %s a month more: %s instead of %s for %s calls. %s", verb, dollars(amount), dollars(s.RelayPerMonth), dollars(s.PrimaryPerMonth), count(s.CallsPerMonth), s.Basis)
	}
	return fmt.Sprintf("The relay %s %s a month: %s instead of %s for %s calls. %s", verb, dollars(amount), dollars(s.RelayPerMonth), dollars(s.PrimaryPerMonth), count(s.CallsPerMonth), s.Basis)
}
