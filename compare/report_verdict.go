package compare

import (
	"fmt"
	"math"
	"strings"

	"cutover/compare/stats"
)

// harmGates is how many ways there are to stop, besides raised findings: each
// has its share of alpha.
const harmGates = 5

// billedMore is the ratio of counted tokens from which on the relay is said to
// bill more.
const billedMore = 1.05

// questions asks what must be known before a cutover, each answer with error
// alpha.
func questions(t *Tally, r *Report, o ReportOptions) []Question {
	return []Question{
		errorQuestion(t, o),
		latencyQuestion("ttft", "the first token", &t.TTFT, o),
		latencyQuestion("total", "the whole answer", &t.Total, o),
		findingQuestion(t, r, o),
		noiseQuestion(r, o),
	}
}

func errorQuestion(t *Tally, o ReportOptions) Question {
	q := Question{Key: "errors", Text: fmt.Sprintf("Does the relay fail at most %s more often?", margin(o.ErrorMargin)), Answer: Unknown}
	d := t.Errors
	i := d.Interval(o.Alpha)
	q.Why = fmt.Sprintf("Of %d pairs only the relay failed in %d and only the primary in %d", d.N(), d.Plus, d.Minus)
	if d.Skipped > 0 {
		q.Why += fmt.Sprintf("; %d more came in bursts and are left out", d.Skipped)
	}
	q.Why += "."
	switch {
	case d.Outage(o.ErrorMargin):
		q.Answer = No
		q.Why += fmt.Sprintf(" In bursts it alone failed %d times, the primary alone %d times: it was down.", d.BurstPlus, d.BurstMinus)
	case d.LogEPromote(o.ErrorMargin) >= math.Log(1/o.Alpha):
		q.Answer = Yes
	case d.LogEHarm(0) >= math.Log(harmGates/o.Alpha):
		q.Answer = No
		q.Why += fmt.Sprintf(" It fails more often, by %s to %s.", percent(max(i.Low, 0)), percent(i.High))
	default:
		q.need(d.PairsToPromote(o.ErrorMargin, o.Alpha))
		q.moreAfter(d.N())
	}
	return q
}

func latencyQuestion(key, what string, l *stats.LogRatio, o ReportOptions) Question {
	q := Question{Key: key, Text: fmt.Sprintf("Is the relay at most %s slower to %s?", margin(o.LatencyMargin), what), Answer: Unknown}
	if l.N == 0 {
		q.Why = "No pair has both times."
		return q
	}
	bound := math.Log(1 + o.LatencyMargin)
	q.Why = fmt.Sprintf("It takes %s times as long, over %d pairs.", significant(l.Ratio()), l.N)
	switch {
	case l.N >= stats.MinMoments && l.Mean()+l.Radius(o.Alpha) < bound:
		q.Answer = Yes
	case l.N >= stats.MinMoments && l.Mean()-l.Radius(o.Alpha/harmGates) > bound:
		q.Answer = No
	default:
		q.need(l.PairsToShowBelow(bound, o.Alpha))
		q.moreAfter(l.N)
	}
	return q
}

// findingQuestion asks for faults that the relay has and the primary has not.
func findingQuestion(t *Tally, r *Report, o ReportOptions) Question {
	q := Question{Key: "findings", Text: fmt.Sprintf("Do at most %s more of the relay's answers have faults?", margin(o.ErrorMargin)), Answer: Unknown}
	d := t.Faults
	raised := raisedFaults(r)
	q.Why = fmt.Sprintf("Of %d pairs of answers only the relay's had a fault in %d and only the primary's in %d.", d.N(), d.Plus, d.Minus)
	switch {
	case len(raised) > 0:
		q.Answer = No
		q.Why = fmt.Sprintf("More often than the primary's they have %s.", strings.Join(raised, ", "))
	case d.LogEHarm(0) >= math.Log(harmGates/o.Alpha):
		q.Answer = No
	case d.LogEPromote(o.ErrorMargin) >= math.Log(1/o.Alpha):
		q.Answer = Yes
	default:
		q.need(d.PairsToPromote(o.ErrorMargin, o.Alpha))
		q.moreAfter(d.N())
	}
	return q
}

// raisedFaults are the codes of faults that the relay is shown to have more
// often, with how often.
func raisedFaults(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		// Failed calls have a question of their own: two providers may fail as
		// often and in different ways.
		if f.Raised && f.Severity >= Major && !strings.HasPrefix(f.Code, codeOutcome) {
			name := f.Code
			if f.Path != "" {
				name += " (" + f.Path + ")"
			}
			out = append(out, fmt.Sprintf("%s in %s of pairs", name, percent(float64(f.Relay)/float64(max(r.Pairs, 1)))))
		}
	}
	return out
}

func noiseQuestion(r *Report, o ReportOptions) Question {
	q := Question{Key: "noise", Text: fmt.Sprintf("Are the relay's answers as near to the primary's as the primary's own second answers, within %.2f?", o.NoiseMargin), Answer: Unknown, Why: r.Noise.Sentence, PairsNeeded: r.Noise.PairsNeeded}
	switch r.Noise.Differs {
	case Yes:
		q.Answer = No
	case No:
		q.Answer = Yes
	}
	return q
}

// hopeless is the number of pairs from which on an estimate says no more than
// that the answer will not come as things are.
const hopeless = 1e6

// need sets the total of pairs that the answer takes.
func (q *Question) need(total float64, ok bool) {
	if ok && total < hopeless {
		q.PairsNeeded = &total
	}
}

// moreAfter turns the total into how many more after those that there are.
func (q *Question) moreAfter(n uint64) {
	if q.PairsNeeded == nil {
		q.Why += " As things are, more pairs will not settle it soon."
		return
	}
	more := rough(max(1, *q.PairsNeeded-float64(n)))
	q.PairsNeeded = &more
	q.Why += fmt.Sprintf(" About %s more will tell.", count(more))
}

// rough keeps one digit: estimates of pairs are good for an order of magnitude.
func rough(n float64) float64 {
	if n <= 10 {
		return math.Ceil(n)
	}
	scale := math.Pow(10, math.Floor(math.Log10(n)))
	return math.Ceil(n/scale) * scale
}

// verdict is the report's first line.
func verdict(t *Tally, r *Report, o ReportOptions) Verdict {
	if t.Pairs == 0 {
		return Verdict{NoData, "No data: no pair of answers has been compared.", nil}
	}
	stop := stopReasons(t, r, o)
	if len(stop) > 0 {
		return Verdict{Stop, "Stop: " + decapitalise(stop[0]), stop[1:]}
	}
	var unknown []string
	for _, q := range r.Questions {
		if q.Answer == Unknown && q.Key != "noise" {
			unknown = append(unknown, q.Text+" "+q.Why)
		}
	}
	different := r.Noise.Differs == Yes
	switch {
	case different && len(unknown) > 0: // this much is known, and is worth a look already
		return Verdict{Review, fmt.Sprintf("Review: after %d pairs the relay answers differently than the primary does; look at the differences. %d of %d questions have no answer yet.", t.Pairs, len(unknown), len(r.Questions)), append([]string{r.Noise.Sentence}, unknown...)}
	case len(unknown) > 0:
		return Verdict{Wait, fmt.Sprintf("Wait: after %d pairs nothing speaks against the relay, but %d of %d questions have no answer yet.", t.Pairs, len(unknown), len(r.Questions)), unknown}
	case different:
		return Verdict{Review, fmt.Sprintf("Review: in %d pairs the relay is no worse in what can be measured, but it answers differently than the primary does; look at the differences.", t.Pairs), []string{r.Noise.Sentence}}
	case r.Noise.Differs == Unknown:
		return Verdict{Wait, fmt.Sprintf("Wait: in %d pairs the relay is no worse in errors, time and form; whether its answers differ by more than the primary's own is not yet known.", t.Pairs), []string{r.Noise.Sentence}}
	}
	return Verdict{Go, fmt.Sprintf("Go: in %d pairs the relay is no worse than the primary in errors, time, form and answers.", t.Pairs), nil}
}

// stopReasons are sentences on what the relay is shown to be worse in, what
// breaks callers' programs first.
func stopReasons(t *Tally, r *Report, o ReportOptions) []string {
	var out []string
	for _, way := range []struct{ key, sentence string }{
		{"errors", "The relay fails more often than the primary. "},
		{"findings", "The relay's answers have more faults than the primary's. "},
		{"ttft", "The relay is slower to the first token. "},
		{"total", "The relay is slower to the whole answer. "},
	} {
		for _, q := range r.Questions {
			if q.Key == way.key && q.Answer == No {
				out = append(out, way.sentence+q.Why)
			}
		}
	}
	for _, b := range []struct {
		what string
		l    *stats.LogRatio
	}{{"input tokens for the same requests", &t.Input}, {"output tokens for the same amount of text", &t.Output}} {
		if b.l.N >= stats.MinMoments && b.l.Mean()-b.l.Radius(o.Alpha/harmGates) > math.Log(billedMore) {
			out = append(out, fmt.Sprintf("The relay counts %s times as many %s, over %d pairs.", significant(b.l.Ratio()), b.what, b.l.N))
		}
	}
	return out
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
