package compare

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

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

// Against writes how the relay compares, with the interval: a difference for
// shares, a change in per cent for the rest.
func (r *Row) Against() string {
	if r.Difference == nil {
		return "–"
	}
	if r.Unit == UnitShare {
		s := points(*r.Difference)
		if r.Interval != nil {
			s += fmt.Sprintf(" (%s to %s)", points(r.Interval.Low), points(r.Interval.High))
		}
		return s + " pp"
	}
	s := change(*r.Difference)
	switch {
	case r.Interval != nil:
		s += fmt.Sprintf(" (%s to %s)", change(r.Interval.Low), change(r.Interval.High))
	case r.Unsure != "":
		s += " (" + r.Unsure + ")"
	}
	return s
}

// points writes a difference of shares in percentage points.
func points(x float64) string {
	if math.Abs(x) < .000005 {
		return "±0"
	}
	return fmt.Sprintf("%+.2f", x*100)
}

// change writes a ratio as a change: 1.1 is +10 %.
func change(ratio float64) string {
	p := (ratio - 1) * 100
	switch {
	case math.IsInf(ratio, 0):
		return "∞"
	case math.Abs(p) < .05:
		return "±0 %"
	case ratio >= 10:
		return "×" + significant(ratio)
	case math.Abs(p) >= 10:
		return fmt.Sprintf("%+.0f %%", p)
	}
	return fmt.Sprintf("%+.1f %%", p)
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

// margin shows a share that somebody chose: with no more digits than it has.
func margin(x float64) string {
	return strconv.FormatFloat(math.Round(x*1e6)/1e4, 'f', -1, 64) + " %"
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

// dollars shows whole dollars with thousands set apart, or the digits that it
// takes to see a small amount.
func dollars(x float64) string {
	a := math.Abs(x)
	switch {
	case a == 0:
		return "$0"
	case a >= 1000:
		return "$" + count(x)
	case a >= 1:
		return fmt.Sprintf("$%.2f", x)
	case a >= .001:
		return fmt.Sprintf("$%.4f", x)
	}
	return fmt.Sprintf("$%.6f", x)
}

// count writes a whole number with its thousands set apart.
func count(x float64) string {
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

// plural counts things whose name takes an s.
func plural(n uint64, name string) string {
	if n == 1 {
		return "1 " + name
	}
	return count(float64(n)) + " " + name + "s"
}
