package compare

import (
	"fmt"
	"math"
	"strings"

	"cutover/compare/stats"
)

// harmGates is how many ways there are to conclude that the relay is worse,
// besides significant findings: each gets its share of alpha.
const harmGates = 5

// questions answers what has to be known before a cutover, each answer with
// error probability alpha.
func questions(a *Aggregate, r *Report, c Criteria) []Question {
	return []Question{
		errorQuestion(a, c),
		latencyQuestion("ttft", "send the first token", &a.TTFT, c),
		latencyQuestion("total", "complete the response", &a.Total, c),
		faultQuestion(a, r, c),
		noiseQuestion(r, c),
	}
}

func errorQuestion(a *Aggregate, c Criteria) Question {
	q := Question{
		Key: "errors", Answer: Unknown,
		Text: fmt.Sprintf("Is the relay's error rate at most %s higher than the primary's?", formatPointMargin(c.ErrorMargin)),
	}
	d := a.Errors
	q.Why = fmt.Sprintf("Of %d pairs, only the relay failed in %d and only the primary in %d", d.N(), d.Plus, d.Minus)
	if d.Skipped > 0 {
		q.Why += fmt.Sprintf("; %d more came in bursts and are not counted", d.Skipped)
	}
	q.Why += "."
	switch {
	case d.Outage(c.ErrorMargin):
		q.Answer = No
		q.Why += fmt.Sprintf(" In bursts, only the relay failed in %d pairs and only the primary in %d: the relay was down.",
			d.BurstPlus, d.BurstMinus)
	case d.LogEPromote(c.ErrorMargin) >= math.Log(1/c.Alpha):
		q.Answer = Yes
	case d.LogEHarm(0) >= math.Log(harmGates/c.Alpha):
		q.Answer = No
		i := d.Interval(c.Alpha)
		q.Why += fmt.Sprintf(" It fails more often, by %.2f to %.2f percentage points.", max(i.Low, 0)*100, i.High*100)
	default:
		q.setPairsNeeded(d.PairsToPromote(c.ErrorMargin, c.Alpha))
		q.addPairsNeeded(d.N())
	}
	return q
}

func latencyQuestion(key, what string, l *stats.LogRatio, c Criteria) Question {
	q := Question{
		Key: key, Answer: Unknown,
		Text: fmt.Sprintf("Does the relay take at most %s longer to %s?", formatMargin(c.LatencyMargin), what),
	}
	if l.N == 0 {
		q.Why = "No pair has both times."
		return q
	}
	bound := math.Log(1 + c.LatencyMargin)
	q.Why = fmt.Sprintf("It takes %s times as long, over %d pairs.", formatDigits(l.Ratio()), l.N)
	switch {
	case l.N >= stats.MinMoments && l.Mean()+l.Radius(c.Alpha) < bound:
		q.Answer = Yes
	case l.N >= stats.MinMoments && l.Mean()-l.Radius(c.Alpha/harmGates) > bound:
		q.Answer = No
	default:
		q.setPairsNeeded(l.PairsToShowBelow(bound, c.Alpha))
		q.addPairsNeeded(l.N)
	}
	return q
}

// faultQuestion asks about faults that the relay's responses have and the
// primary's don't.
func faultQuestion(a *Aggregate, r *Report, c Criteria) Question {
	q := Question{
		Key: "findings", Answer: Unknown,
		Text: fmt.Sprintf("Is the relay's rate of faulty responses at most %s higher than the primary's?", formatPointMargin(c.FaultMargin)),
	}
	d := a.Faults
	q.Why = fmt.Sprintf("Of %d pairs of responses, only the relay's had a fault in %d and only the primary's in %d.", d.N(), d.Plus, d.Minus)
	significant := significantFaults(r)
	switch {
	case len(significant) > 0:
		q.Answer = No
		q.Why = fmt.Sprintf("More often than the primary's, they have %s.", strings.Join(significant, ", "))
	case d.LogEHarm(0) >= math.Log(harmGates/c.Alpha):
		q.Answer = No
	case d.LogEPromote(c.FaultMargin) >= math.Log(1/c.Alpha):
		q.Answer = Yes
	default:
		q.setPairsNeeded(d.PairsToPromote(c.FaultMargin, c.Alpha))
		q.addPairsNeeded(d.N())
	}
	return q
}

// significantFaults lists the codes of faults that the relay has significantly
// more often, with how often.
func significantFaults(r *Report) []string {
	var out []string
	for _, f := range r.Findings {
		// Failed calls have a question of their own: two providers may fail
		// equally often in different ways.
		if f.Significant && f.Severity >= Major && !strings.HasPrefix(f.Code, codeOutcome) {
			name := f.Code
			if f.Path != "" {
				name += " (" + f.Path + ")"
			}
			out = append(out, fmt.Sprintf("%s in %s of pairs", name, formatPercent(float64(f.Relay)/float64(max(r.Pairs, 1)))))
		}
	}
	return out
}

func noiseQuestion(r *Report, c Criteria) Question {
	q := Question{
		Key: "noise", Answer: Unknown, Why: r.Noise.Sentence, PairsNeeded: r.Noise.PairsNeeded,
		Text: fmt.Sprintf("Are the relay's responses as close to the primary's as the primary's are to each other, within %.2f?", c.NoiseMargin),
	}
	switch r.Noise.Differs {
	case Yes:
		q.Answer = No
	case No:
		q.Answer = Yes
	}
	return q
}

// maxPairsNeeded is the number of pairs beyond which an estimate only says that
// the question will stay open as things are.
const maxPairsNeeded = 1e6

// setPairsNeeded sets the total of pairs that the answer takes.
func (q *Question) setPairsNeeded(total float64, ok bool) {
	if ok && total < maxPairsNeeded {
		q.PairsNeeded = &total
	}
}

// addPairsNeeded turns the total into how many more than the n pairs so far,
// and says so.
func (q *Question) addPairsNeeded(n uint64) {
	if q.PairsNeeded == nil {
		q.Why += " More pairs are not expected to settle this soon."
		return
	}
	more := roundUp(max(1, *q.PairsNeeded-float64(n)))
	q.PairsNeeded = &more
	q.Why += fmt.Sprintf(" About %s more pairs needed.", formatCount(more))
}

// roundUp keeps one digit, since estimates of pairs are good for an order of
// magnitude only.
func roundUp(n float64) float64 {
	if n <= 10 {
		return math.Ceil(n)
	}
	scale := math.Pow(10, math.Floor(math.Log10(n)))
	return math.Ceil(n/scale) * scale
}
