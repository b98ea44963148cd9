package dashboards

import (
	"fmt"
	"html/template"
	"math"
	"strings"

	"cutover/compare"
)

// svg builds a drawing. Only numbers and escaped text get into it.
type svg struct {
	b             strings.Builder
	width, height float64
}

func newSVG(width, height float64, title string) *svg {
	s := &svg{width: width, height: height}
	fmt.Fprintf(&s.b, `<svg viewBox="0 0 %.0f %.0f" role="img" aria-label="%s" xmlns="http://www.w3.org/2000/svg">`,
		width, height, template.HTMLEscapeString(title))
	return s
}

func (s *svg) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(&s.b, `<line class="%s" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, class, x1, y1, x2, y2)
}

func (s *svg) rect(class string, x, y, w, h float64) {
	fmt.Fprintf(&s.b, `<rect class="%s" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`, class, x, y, w, h)
}

func (s *svg) circle(class string, x, y, r float64) {
	fmt.Fprintf(&s.b, `<circle class="%s" cx="%.1f" cy="%.1f" r="%.1f"/>`, class, x, y, r)
}

// text writes words; anchor is "start", "middle" or "end".
func (s *svg) text(class, anchor string, x, y float64, words string) {
	fmt.Fprintf(&s.b, `<text class="%s" text-anchor="%s" x="%.1f" y="%.1f">%s</text>`, class, anchor, x, y, template.HTMLEscapeString(words))
}

func (s *svg) path(class string, points [][2]float64) {
	fmt.Fprintf(&s.b, `<path class="%s" d="`, class)
	for i, p := range points {
		c := 'L'
		if i == 0 {
			c = 'M'
		}
		fmt.Fprintf(&s.b, "%c%.1f %.1f", c, p[0], p[1])
	}
	s.b.WriteString(`"/>`)
}

func (s *svg) html() template.HTML {
	s.b.WriteString("</svg>")
	return template.HTML(s.b.String())
}

// forestChart shows each ratio with its interval, on both sides of "the same".
func forestChart(rows []compare.Row) template.HTML {
	var shown []*compare.Row
	for i := range rows {
		r := &rows[i]
		if r.Unit != compare.UnitShare && r.Difference != nil && r.Interval != nil && r.Interval.Low > 0 && !math.IsInf(r.Interval.High, 1) {
			shown = append(shown, r)
		}
	}
	if len(shown) == 0 {
		return ""
	}
	reach := math.Log(1.25)
	for _, r := range shown {
		reach = max(reach, math.Abs(math.Log(r.Interval.Low)), math.Abs(math.Log(r.Interval.High)))
	}
	reach = min(reach, math.Log(20))
	const width, left, right, row = 760., 270., 20., 24.
	height := float64(len(shown))*row + 44
	s := newSVG(width, height, "How the relay compares with the primary, with intervals")
	x := func(ratio float64) float64 {
		at := (math.Log(ratio)/reach + 1) / 2
		return left + min(max(at, 0), 1)*(width-left-right)
	}
	for _, tick := range []float64{.1, .25, .5, .8, 1, 1.25, 2, 4, 10} {
		if math.Abs(math.Log(tick)) <= reach*1.0001 {
			class := "grid"
			if tick == 1 {
				class = "even"
			}
			s.line(class, x(tick), 8, x(tick), height-30)
			s.text("tick", "middle", x(tick), height-14, compare.FormatChange(tick))
		}
	}
	for i, r := range shown {
		y := 20 + float64(i)*row
		s.text("name", "end", left-12, y+4, r.Name)
		class := "mark " + senseClass(r)
		s.line(class, x(r.Interval.Low), y, x(r.Interval.High), y)
		s.circle(class, x(*r.Difference), y, 4.5)
	}
	return s.html()
}

// curveChart draws both cumulative distributions: the share of responses up to a
// value.
func curveChart(c *compare.Curve) template.HTML {
	const width, height, left, right, top, bottom = 370., 230., 44., 14., 10., 34.
	low, high := math.Inf(1), 0.
	for i, q := range c.Quantiles {
		if q >= .01 && q <= .99 {
			low, high = min(low, c.Primary[i], c.Relay[i]), max(high, c.Primary[i], c.Relay[i])
		}
	}
	if !(low > 0) || !(high > low) {
		low, high = max(high*.5, 1e-6), max(high*1.5, 2e-6)
	}
	lowLog, highLog := math.Log(low), math.Log(high)
	s := newSVG(width, height, c.Name+": share of responses by value, primary and relay")
	x := func(v float64) float64 {
		return left + (math.Log(max(v, low))-lowLog)/(highLog-lowLog)*(width-left-right)
	}
	y := func(q float64) float64 { return top + (1-q)*(height-top-bottom) }
	for _, q := range []float64{0, .25, .5, .75, 1} {
		s.line("grid", left, y(q), width-right, y(q))
		s.text("tick", "end", left-6, y(q)+4, fmt.Sprintf("%.0f %%", q*100))
	}
	last := math.Inf(-1)
	for _, tick := range logTicks(low, high) {
		if at := x(tick); at-last > 52 && at < width-right-20 || math.IsInf(last, -1) {
			last = at
			s.line("grid", at, top, at, height-bottom)
			s.text("tick", "middle", at, height-bottom+18, c.Unit.Format(&tick))
		}
	}
	for _, side := range []struct {
		class  string
		values []float64
	}{{"primary", c.Primary}, {"relay", c.Relay}} {
		points := make([][2]float64, len(c.Quantiles))
		for i, q := range c.Quantiles {
			points[i] = [2]float64{x(side.values[i]), y(q)}
		}
		s.path("curve "+side.class, points)
	}
	return s.html()
}

// logTicks are 1, 2 and 5 times the powers of ten within a range.
func logTicks(low, high float64) []float64 {
	var out []float64
	for e := math.Floor(math.Log10(low)); e <= math.Ceil(math.Log10(high)); e++ {
		for _, m := range []float64{1, 2, 5} {
			if v := m * math.Pow(10, e); v >= low && v <= high {
				out = append(out, v)
			}
		}
	}
	return out
}

// histogramChart draws how many pairs are how similar.
func histogramChart(h compare.Histogram) template.HTML {
	most := uint64(0)
	for _, n := range h {
		most = max(most, n)
	}
	if most == 0 {
		return ""
	}
	const width, height, left, right, top, bottom = 370., 230., 44., 14., 10., 34.
	s := newSVG(width, height, "Pairs by word similarity")
	step := (width - left - right) / float64(len(h))
	for _, part := range []float64{0, .5, 1} {
		at := top + (1-part)*(height-top-bottom)
		s.line("grid", left, at, width-right, at)
		s.text("tick", "end", left-6, at+4, compare.FormatCount(uint64(part*float64(most)+.5)))
	}
	for i, n := range h {
		tall := float64(n) / float64(most) * (height - top - bottom)
		s.rect("bar", left+float64(i)*step+1, height-bottom-tall, step-2, tall)
	}
	for i := 0; i <= len(h); i += 5 {
		s.text("tick", "middle", left+float64(i)*step, height-bottom+18, fmt.Sprintf("%.2f", float64(i)/float64(len(h))))
	}
	return s.html()
}
