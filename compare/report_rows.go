package compare

import (
	"fmt"

	"cutover/compare/stats"
)

// distribution is a figure that is kept as a sketch on both sides.
type distribution struct {
	key, name    string
	unit         Unit
	moreIsBetter bool
	of           func(*ArmAggregate) *stats.Sketch
	paired       func(*Aggregate) *stats.LogRatio // nil: not paired
}

func distributions() []distribution {
	return []distribution{
		{
			key: "ttft", name: "first token", unit: UnitMillis,
			of:     func(a *ArmAggregate) *stats.Sketch { return &a.TTFT },
			paired: func(a *Aggregate) *stats.LogRatio { return &a.TTFT },
		},
		{
			key: "total", name: "whole response", unit: UnitMillis,
			of:     func(a *ArmAggregate) *stats.Sketch { return &a.Total },
			paired: func(a *Aggregate) *stats.LogRatio { return &a.Total },
		},
		{
			key: "gap", name: "longest silence", unit: UnitMillis,
			of: func(a *ArmAggregate) *stats.Sketch { return &a.Gap },
		},
		{
			key: "rate", name: "stream speed", unit: UnitRate, moreIsBetter: true,
			of:     func(a *ArmAggregate) *stats.Sketch { return &a.Rate },
			paired: func(a *Aggregate) *stats.LogRatio { return &a.Rate },
		},
	}
}

// rows are the figures of both providers side by side.
func rows(t *Aggregate, alpha float64) []Row {
	out := []Row{errorRow(t, alpha)}
	for _, d := range distributions() {
		p, r := d.of(&t.Primary), d.of(&t.Relay)
		for _, q := range []float64{.5, .95, .99} {
			out = append(out, quantileRow(&d, q, p, r, alpha))
		}
		if d.paired != nil {
			out = append(out, pairedRow(&d, p, r, d.paired(t), alpha))
		}
	}
	for _, x := range []struct{ code, name string }{
		{CodeRefusal, "refusals"}, {CodeEmpty, "empty responses"}, {CodeTruncated, "stopped at a token limit"},
		{CodeCutOff, "cut off mid-sentence"}, {CodeLoop, "repetition loops"},
	} {
		out = append(out, traitRow(t, x.code, x.name, alpha))
	}
	p, r := &t.Primary, &t.Relay
	out = append(out,
		validRow("tools_valid", "tool calls matching the schema", p.ToolBad, p.ToolResponses, r.ToolBad, r.ToolResponses, alpha),
		validRow("json_valid", "valid structured output", p.JSONBad, p.JSONAsked, r.JSONBad, r.JSONAsked, alpha),
		ratioRow("length", "length of the text", &t.Length, true, alpha),
		ratioRow("input_tokens", "input tokens, same request", &t.Input, false, alpha),
		ratioRow("output_tokens", "output tokens, same text", &t.Output, false, alpha),
		meanRow("cost", "cost per call", p, r, func(a *ArmAggregate) (sum float64, n uint64) { return a.Cost.Float(), a.Priced }),
		meanRow("cost_tokens", "cost per million tokens", p, r, func(a *ArmAggregate) (sum float64, n uint64) {
			return a.Cost.Float() * 1e6, a.PricedTokens
		}),
	)
	known := out[:0]
	for _, row := range out {
		if row.PrimaryN+row.RelayN > 0 {
			known = append(known, row)
		}
	}
	return known
}

func errorRow(t *Aggregate, alpha float64) Row {
	row := Row{
		Key: "errors", Name: "errors", Unit: UnitShare,
		Primary: share(t.Primary.Errors, t.Primary.Calls), PrimaryN: t.Primary.Calls,
		Relay: share(t.Relay.Errors, t.Relay.Calls), RelayN: t.Relay.Calls,
	}
	if t.Errors.N() > 0 {
		row.Difference = ref(t.Errors.Mean())
		i := t.Errors.Interval(alpha)
		row.Interval = &i
	}
	return row
}

// quantileRow reads one quantile of both sides.
func quantileRow(d *distribution, q float64, primary, relay *stats.Sketch, alpha float64) Row {
	p := int(q*100 + .5)
	row := Row{
		Key: fmt.Sprintf("%s_p%d", d.key, p), Name: fmt.Sprintf("%s p%d", d.name, p), Unit: d.unit, MoreIsBetter: d.moreIsBetter,
		Primary: quantile(primary, q), PrimaryN: uint64(primary.N()),
		Relay: quantile(relay, q), RelayN: uint64(relay.N()),
	}
	if row.Primary == nil || row.Relay == nil || *row.Primary == 0 {
		return row
	}
	row.Difference = ref(*row.Relay / *row.Primary)
	if i, ok := stats.QuantileRatio(*primary, *relay, q, alpha); ok {
		row.Interval = &i
	} else {
		row.Unsure = "too few pairs for this quantile"
	}
	return row
}

// pairedRow compares means by the ratio within pairs, so that it does not matter
// that some requests take longer than others.
func pairedRow(d *distribution, primary, relay *stats.Sketch, ratio *stats.LogRatio, alpha float64) Row {
	row := Row{
		Key: d.key + "_mean", Name: d.name + ", mean", Unit: d.unit, MoreIsBetter: d.moreIsBetter,
		PrimaryN: uint64(primary.N()), RelayN: uint64(relay.N()),
	}
	if primary.N() > 0 {
		row.Primary = ref(primary.Mean())
	}
	if relay.N() > 0 {
		row.Relay = ref(relay.Mean())
	}
	setRatio(&row, ratio, alpha)
	return row
}

// ratioRow shows a ratio only.
func ratioRow(key, name string, ratio *stats.LogRatio, neutral bool, alpha float64) Row {
	row := Row{Key: key, Name: name, Unit: UnitRatio, Neutral: neutral, PrimaryN: ratio.N, RelayN: ratio.N}
	setRatio(&row, ratio, alpha)
	return row
}

func setRatio(row *Row, ratio *stats.LogRatio, alpha float64) {
	if ratio.N == 0 {
		return
	}
	row.Difference = ref(ratio.Ratio())
	if i, ok := ratio.RatioInterval(alpha); ok {
		row.Interval = &i
	} else {
		row.Unsure = fmt.Sprintf("%d of %d pairs", ratio.N, stats.MinMoments)
	}
}

// traitRow compares how often responses have a trait.
func traitRow(t *Aggregate, code, name string, alpha float64) Row {
	p, r := t.Primary.Traits[code], t.Relay.Traits[code]
	row := Row{Key: code, Name: name, Unit: UnitShare}
	if p+r == 0 {
		return row // nothing to show
	}
	row.Primary, row.PrimaryN = share(p, max(t.Primary.Usable, p)), t.Primary.Usable
	row.Relay, row.RelayN = share(r, max(t.Relay.Usable, r)), t.Relay.Usable
	c := t.Codes[Code{Code: code}]
	d := stats.Discordance{Minus: c.Primary, Plus: c.Relay}
	if t.Pairs > d.N() {
		d.Zero = t.Pairs - d.N()
	}
	row.Difference = ref(d.Mean())
	i := d.Interval(alpha)
	row.Interval = &i
	return row
}

// validRow compares the shares of valid responses.
func validRow(key, name string, pBad, p, rBad, r uint64, alpha float64) Row {
	row := Row{
		Key: key, Name: name, Unit: UnitShare, MoreIsBetter: true,
		PrimaryN: p, RelayN: r, Primary: share(p-pBad, p), Relay: share(r-rBad, r),
	}
	if p > 0 && r > 0 {
		row.Difference = ref(*row.Relay - *row.Primary)
		i := stats.DifferenceInterval(p-pBad, p, r-rBad, r, alpha)
		row.Interval = &i
	}
	return row
}

// meanRow compares dollars divided by counts.
func meanRow(key, name string, primary, relay *ArmAggregate, of func(*ArmAggregate) (sum float64, n uint64)) Row {
	row := Row{Key: key, Name: name, Unit: UnitDollars, PrimaryN: primary.Priced, RelayN: relay.Priced}
	pSum, pCount := of(primary)
	rSum, rCount := of(relay)
	if pCount > 0 {
		row.Primary = ref(pSum / float64(pCount))
	}
	if rCount > 0 {
		row.Relay = ref(rSum / float64(rCount))
	}
	if row.Primary != nil && row.Relay != nil && *row.Primary > 0 {
		row.Difference = ref(*row.Relay / *row.Primary)
	}
	return row
}
