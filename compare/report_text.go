package compare

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// WriteText writes the report for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.heading())
	b.WriteString(r.outcomeLine())
	b.WriteString("\n")
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "\tprimary\trelay\t")
	for _, row := range r.Rows {
		if row.Primary == nil && row.Relay == nil {
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t\n", row.Name, row.Unit.Format(row.Primary), row.Unit.Format(row.Relay))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	b.WriteString("\n")
	b.WriteString(r.contentsLine())
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) heading() string {
	h := fmt.Sprintf("%d pairs compared", r.Pairs)
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
	parts := []string{fmt.Sprintf("%d requests", r.Requests)}
	for _, o := range slices.Sorted(maps.Keys(r.Outcomes)) {
		parts = append(parts, fmt.Sprintf("%s %d", strings.ReplaceAll(string(o), "_", " "), r.Outcomes[o]))
	}
	return strings.Join(parts, " · ") + "\n"
}

func (r *Report) contentsLine() string {
	if r.Checked == 0 {
		return "No pair had two usable answers whose contents could be compared.\n"
	}
	return fmt.Sprintf("Contents of %d pairs: mean word similarity %s, same text %s, same tool calls %s.\n",
		r.Checked, UnitFraction.Format(r.Contents.Similarity), UnitShare.Format(r.Contents.TextEqual), UnitShare.Format(r.Contents.ToolsEqual))
}

// Format writes a figure for people; nil is a dash.
func (u Unit) Format(v *float64) string {
	if v == nil {
		return "–"
	}
	x := *v
	switch u {
	case UnitShare:
		return percent(x)
	case UnitMillis:
		if math.Abs(x) >= 10000 {
			return fmt.Sprintf("%.1f s", x/1000)
		}
		return significant(x) + " ms"
	case UnitRate:
		return significant(x) + " tokens/s"
	case UnitDollars:
		return dollars(x)
	case UnitFraction:
		return fmt.Sprintf("%.3f", x)
	}
	return significant(x)
}

// percent shows small shares with as many digits as it takes to see them.
func percent(x float64) string {
	p := math.Abs(x * 100)
	switch {
	case p == 0 || p >= 99.995:
		return fmt.Sprintf("%.0f %%", x*100)
	case p < .1:
		return fmt.Sprintf("%.3f %%", x*100)
	case p < 10:
		return fmt.Sprintf("%.2f %%", x*100)
	}
	return fmt.Sprintf("%.1f %%", x*100)
}

// significant shows about three digits.
func significant(x float64) string {
	a := math.Abs(x)
	switch {
	case a == 0 || a >= 100:
		return fmt.Sprintf("%.0f", x)
	case a >= 10:
		return fmt.Sprintf("%.1f", x)
	case a >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3f", x)
}

// dollars shows an amount with two decimals from a dollar on, else with the
// digits that it takes to see it.
func dollars(x float64) string {
	a := math.Abs(x)
	switch {
	case a == 0:
		return "$0"
	case a >= 1:
		return fmt.Sprintf("$%.2f", x)
	case a >= .001:
		return fmt.Sprintf("$%.4f", x)
	}
	return fmt.Sprintf("$%.6f", x)
}
