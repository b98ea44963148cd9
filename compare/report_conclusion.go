package compare

import (
	"fmt"
	"math"

	"cutover/compare/stats"
)

// conclude draws the report's conclusion from its answers.
func conclude(a *Aggregate, r *Report, c Criteria) Conclusion {
	if a.Pairs == 0 {
		return Conclusion{NoData, "No data: no pair of responses has been compared.", nil}
	}
	if stop := stopReasons(a, r, c); len(stop) > 0 {
		return Conclusion{Stop, "Stop: " + decapitalise(stop[0]), stop[1:]}
	}
	var open []string
	for _, q := range r.Questions {
		if q.Answer == Unknown && q.Key != "noise" {
			open = append(open, q.Text+" "+q.Why)
		}
	}
	different := r.Noise.Differs == Yes
	switch {
	case different && len(open) > 0: // known already, and worth a look
		return Conclusion{Review, fmt.Sprintf("Review: after %d pairs the relay's responses differ from the primary's; "+
			"look at the differences. Questions still open: %d of %d.", a.Pairs, len(open), len(r.Questions)),
			append([]string{r.Noise.Sentence}, open...)}
	case len(open) > 0:
		return Conclusion{Wait, fmt.Sprintf("Wait: after %d pairs there is no evidence against the relay, but %d of %d questions remain open.",
			a.Pairs, len(open), len(r.Questions)), open}
	case different:
		return Conclusion{Review, fmt.Sprintf("Review: over %d pairs the relay is no worse in anything measured, "+
			"but its responses differ from the primary's; look at the differences.", a.Pairs), []string{r.Noise.Sentence}}
	case r.Noise.Differs == Unknown:
		return Conclusion{Wait, fmt.Sprintf("Wait: over %d pairs the relay is no worse in errors, latency and form; "+
			"whether its responses differ by more than the primary's run-to-run variation is still open.", a.Pairs), []string{r.Noise.Sentence}}
	}
	return Conclusion{Go, fmt.Sprintf("Go: over %d pairs the relay is no worse than the primary in errors, latency, form and content.",
		a.Pairs), nil}
}

// stopReasons says what the relay is worse in, starting with what breaks
// callers' programs.
func stopReasons(a *Aggregate, r *Report, c Criteria) []string {
	var out []string
	for _, harm := range []struct{ key, sentence string }{
		{"errors", "The relay fails more often than the primary. "},
		{"findings", "The relay's responses have more faults than the primary's. "},
		{"ttft", "The relay is slower to send the first token. "},
		{"total", "The relay is slower to complete the response. "},
	} {
		for _, q := range r.Questions {
			if q.Key == harm.key && q.Answer == No {
				out = append(out, harm.sentence+q.Why)
			}
		}
	}
	for _, tokens := range []struct {
		what  string
		ratio *stats.LogRatio
	}{{"input tokens for the same requests", &a.Input}, {"output tokens for the same amount of text", &a.Output}} {
		l := tokens.ratio
		if l.N >= stats.MinMoments && l.Mean()-l.Radius(c.Alpha/harmGates) > math.Log(1+c.TokenMargin) {
			out = append(out, fmt.Sprintf("The relay counts %s times as many %s, over %d pairs.", formatDigits(l.Ratio()), tokens.what, l.N))
		}
	}
	return out
}
