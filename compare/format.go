package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Format writes a figure for people; nil becomes a dash.
func (u Unit) Format(v *float64) string {
	if v == nil {
		return "–"
	}
	x := *v
	switch u {
	case UnitShare:
		return formatPercent(x)
	case UnitMillis:
		if math.Abs(x) >= 10000 {
			return fmt.Sprintf("%.1f s", x/1000)
		}
		return formatDigits(x) + " ms"
	case UnitRate:
		return formatDigits(x) + " tokens/s"
	case UnitDollars:
		return formatDollars(x)
	case UnitFraction:
		return fmt.Sprintf("%.3f", x)
	}
	return formatDigits(x)
}

// Against writes how the relay compares with the primary, and the interval: in
// percentage points for shares, as a change in percent for everything else.
func (r *Row) Against() string {
	if r.Difference == nil {
		return "–"
	}
	if r.Unit == UnitShare {
		s := formatPoints(*r.Difference)
		if r.Interval != nil {
			s += fmt.Sprintf(" (%s to %s)", formatPoints(r.Interval.Low), formatPoints(r.Interval.High))
		}
		return s + " pp"
	}
	s := FormatChange(*r.Difference)
	switch {
	case r.Interval != nil:
		s += fmt.Sprintf(" (%s to %s)", FormatChange(r.Interval.Low), FormatChange(r.Interval.High))
	case r.Unsure != "":
		s += " (" + r.Unsure + ")"
	}
	return s
}

// formatPoints writes a difference of shares in percentage points.
func formatPoints(x float64) string {
	if math.Abs(x) < .000005 {
		return "±0"
	}
	return fmt.Sprintf("%+.2f", x*100)
}

// FormatChange writes a ratio as a change: 1.1 is +10 %.
func FormatChange(ratio float64) string {
	p := (ratio - 1) * 100
	switch {
	case math.IsInf(ratio, 0):
		return "∞"
	case math.Abs(p) < .05:
		return "±0 %"
	case ratio >= 10:
		return "×" + formatDigits(ratio)
	case math.Abs(p) >= 10:
		return fmt.Sprintf("%+.0f %%", p)
	}
	return fmt.Sprintf("%+.1f %%", p)
}

// formatPercent writes a share, small ones with enough digits to be visible.
func formatPercent(x float64) string {
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

// formatMargin writes a configured share in percent, with no more digits than it
// has.
func formatMargin(x float64) string { return marginDigits(x) + " %" }

// formatPointMargin writes a configured difference of shares in percentage
// points.
func formatPointMargin(x float64) string {
	digits := marginDigits(x)
	if digits == "1" {
		return "1 percentage point"
	}
	return digits + " percentage points"
}

func marginDigits(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e6)/1e4, 'f', -1, 64)
}

// formatDigits writes about three digits.
func formatDigits(x float64) string {
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

// formatDollars writes whole dollars with thousands separated, and small amounts
// with enough digits to be visible.
func formatDollars(x float64) string {
	a := math.Abs(x)
	switch {
	case a == 0:
		return "$0"
	case a >= 1000:
		return "$" + formatCount(x)
	case a >= 1:
		return fmt.Sprintf("$%.2f", x)
	case a >= .001:
		return fmt.Sprintf("$%.4f", x)
	}
	return fmt.Sprintf("$%.6f", x)
}

// FormatCount writes a whole number with its thousands separated.
func FormatCount(n uint64) string { return formatCount(float64(n)) }

func formatCount(x float64) string {
	if math.Abs(x) >= 1e15 {
		return fmt.Sprintf("%.3g", x)
	}
	s := strconv.FormatInt(int64(math.Round(math.Abs(x))), 10)
	var b strings.Builder
	if x < 0 {
		b.WriteByte('-')
	}
	for i, c := range []byte(s) {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteByte(c)
	}
	return b.String()
}

// plural writes a count of things whose plural takes an s.
func plural(n uint64, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return formatCount(float64(n)) + " " + name + "s"
}

func capitalise(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func decapitalise(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// modeName says whether responses are streamed.
func modeName(stream bool) string {
	if stream {
		return "streamed"
	}
	return "not streamed"
}
