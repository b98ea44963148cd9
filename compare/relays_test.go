package compare

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"cutover/compare/stats"
	"cutover/exchange"
)

// simulatedModel answers like a language model that samples: another answer
// each time, from the same words for the same request.
type simulatedModel struct {
	dialect  int     // which words it prefers; another number is another model
	truncate int     // tokens at which it stops, saying so; 0: never
	breakArg float64 // share of tool calls with broken arguments
	billing  float64 // factor on the counted tokens
	noDone   bool    // its streams lack the last event
	slower   float64 // factor on its times
}

var sameModelTwice = simulatedModel{billing: 1, slower: 1}

// answer simulates one call for the request with the number.
func (m simulatedModel) answer(arm exchange.Arm, request int, rng *rand.Rand) *exchange.Exchange {
	if rng.Float64() < .001 {
		return failed(arm, exchange.ClassServer, 500)
	}
	x := answer(arm, "")
	first := 60 * math.Exp(.4*rng.NormFloat64()) * m.slower
	x.TTFT = time.Duration(first * float64(time.Millisecond))
	tokens := 0
	if request%3 == 0 && rng.Float64() < .85 {
		args := fmt.Sprintf(`{"city":"town %d","days":%d}`, request%50, 1+rng.IntN(3))
		if rng.Float64() < m.breakArg {
			args = args[:len(args)-5]
		}
		x.Completion.ToolCalls = []exchange.ToolCall{{ID: "call", Name: "weather", Arguments: args}}
		x.Completion.FinishReason, tokens = "tool_calls", 20
	} else {
		text := m.text(request, rng)
		words := strings.Fields(text)
		if m.truncate > 0 && len(words) > m.truncate {
			text, x.Completion.FinishReason = strings.Join(words[:m.truncate], " "), "length"
		}
		x.Completion.Text, x.Completion.TextBytes = text, len(text)
		tokens = int(float64(len(text)) / 4.3 * (1 + .04*rng.NormFloat64()))
	}
	x.Usage = exchange.Usage{Known: true, InputTokens: int(float64(150+request%97) * m.billing),
		OutputTokens: int(float64(tokens) * m.billing)}
	x.Total = x.TTFT + time.Duration(float64(tokens)*12*(1+.1*rng.NormFloat64())*m.slower)*time.Millisecond
	if m.noDone {
		x.Class, x.Detail = exchange.ClassUnfinished, "no_done"
	}
	return x
}

// text makes sentences of words that the request and the model's taste suggest.
func (m simulatedModel) text(request int, rng *rand.Rand) string {
	var b strings.Builder
	for range 6 + rng.IntN(14) {
		b.WriteString("Then")
		for range 8 + rng.IntN(8) {
			word := (request*31 + rng.IntN(80)) % len(vocabulary)
			if m.dialect != 0 && rng.IntN(3) == 0 {
				word = (m.dialect*17 + rng.IntN(60)) % len(vocabulary)
			}
			b.WriteByte(' ')
			b.WriteString(vocabulary[word])
		}
		b.WriteString(". ")
	}
	return strings.TrimSpace(b.String())
}

// migrate compares pairs of a primary and a relay and reports on them.
func migrate(relay simulatedModel, pairs int, seed uint64) Report {
	rng := rand.New(rand.NewPCG(seed, 2))
	var s Summary
	for i := range pairs {
		p := chatPair("", "")
		p.Request.ID, p.Request.At = fmt.Sprintf("01J%06d", i), testStart.Add(time.Duration(i)*time.Second)
		p.Request.Facts.Tools = i%3 == 0
		p.Request.Body = []byte(`{"tools":[{"type":"function","function":{"name":"weather","parameters":` + weatherSchema + `}}]}`)
		p.Primary, p.Relay = sameModelTwice.answer(exchange.Primary, i, rng), relay.answer(exchange.Relay, i, rng)
		if i%3 != 0 {
			p.Rerun = sameModelTwice.answer(exchange.Primary, i, rng)
		}
		s.Add(Compare(p, Options{}))
	}
	return NewReport(&s, ReportOptions{})
}

// The same model must have no significant finding, whatever the random seed.
func TestTheSameModelHasNoSignificantFinding(t *testing.T) {
	for seed := range uint64(20) {
		pairs := 200
		if seed == 0 {
			pairs = 2000
		}
		r := migrate(sameModelTwice, pairs, seed)
		for _, f := range r.Findings {
			if f.Significant {
				t.Errorf("seed %d: significant %+v", seed, f)
			}
		}
		if r.Conclusion.Answer == Stop || r.Conclusion.Answer == Review || r.Noise.Differs == Yes {
			t.Errorf("seed %d: %+v, noise %+v", seed, r.Conclusion, r.Noise)
		}
		if seed == 0 && r.Conclusion.Answer != Go {
			t.Errorf("2,000 equal pairs are not enough: %+v, %+v", r.Conclusion, r.Questions)
		}
	}
}

// The report must tell each way of being worse.
func TestRelaysAreToldApart(t *testing.T) {
	with := func(change func(*simulatedModel)) simulatedModel {
		m := sameModelTwice
		change(&m)
		return m
	}
	for _, c := range []struct {
		name        string
		relay       simulatedModel
		want        Recommendation
		said        string // in the conclusion
		significant string // the codes that are significant, and no other
	}{
		{"another model", with(func(m *simulatedModel) { m.dialect = 3 }), Review, "responses differ", ""},
		{"truncates at 100 words", with(func(m *simulatedModel) { m.truncate = 100 }), Stop, "text.truncated", "text.truncated"},
		{"breaks arguments in 5 %", with(func(m *simulatedModel) { m.breakArg = .05 }), Stop, "tools.json", "tools.json"},
		{"bills 20 % more", with(func(m *simulatedModel) { m.billing = 1.2 }), Stop, "input tokens", "usage.input"},
		{"no [DONE]", with(func(m *simulatedModel) { m.noDone = true }), Stop, "fails more often", "outcome.unfinished"},
		{"half as fast", with(func(m *simulatedModel) { m.slower = 2 }), Stop, "slower to send the first token", ""},
	} {
		pairs := 600 // enough for large differences
		if c.want == Review || c.significant == "tools.json" {
			pairs = 2000
		}
		r := migrate(c.relay, pairs, 7)
		if text := r.Conclusion.Sentence + strings.Join(r.Conclusion.Reasons, " "); r.Conclusion.Answer != c.want ||
			!strings.Contains(text, c.said) {
			t.Errorf("%s: got %s: %s", c.name, r.Conclusion.Answer, text)
		}
		var significant []string
		for _, f := range r.Findings {
			if f.Significant && f.Severity >= Minor {
				significant = append(significant, f.Code)
			}
		}
		if got := strings.Join(significant, " "); !sameWords(got, c.significant) {
			t.Errorf("%s: significant %q, want %q", c.name, got, c.significant)
		}
	}
}

// A fault that is not frequent enough to be significant must not read as none.
func TestFewFaultsAreNoGo(t *testing.T) {
	m := sameModelTwice
	m.breakArg = .05
	for seed := range uint64(2) {
		if r := migrate(m, 800, seed); r.Conclusion.Answer == Go {
			t.Errorf("seed %d: %+v", seed, r.Conclusion)
		}
	}
}

// outages makes results in which a side fails for so many pairs at a time.
func outages(pairs, every, length int, relay func(outage int) bool) Report {
	var s Summary
	var b stats.Bursts
	for i := range pairs {
		p := chatPair("Yes.", "Yes.")
		p.Request.ID = fmt.Sprintf("01J%06d", i)
		if i%every < length {
			if relay(i / every) {
				p.Relay = failed(exchange.Relay, exchange.ClassServer, 500)
			} else {
				p.Primary = failed(exchange.Primary, exchange.ClassServer, 500)
			}
		}
		r := Compare(p, Options{})
		r.Burst = b.Observe(r.Primary.Failed(), r.Relay.Failed())
		s.Add(r)
	}
	return NewReport(&s, ReportOptions{})
}

// A relay that is down must be stopped although bursts are not counted; outages
// that hit both sides equally must not stop it.
func TestOutages(t *testing.T) {
	if r := outages(200, 1000, 1000, func(int) bool { return true }); r.Conclusion.Answer != Stop {
		t.Errorf("down all the time: %+v", r.Conclusion)
	}
	if r := outages(1000, 500, 60, func(int) bool { return true }); r.Conclusion.Answer != Stop {
		t.Errorf("down twice: %+v", r.Conclusion)
	}
	if r := outages(4000, 500, 40, func(n int) bool { return n%2 == 0 }); r.Conclusion.Answer == Stop {
		t.Errorf("outages of both sides: %+v", r.Conclusion)
	}
}

func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestAReportOnNothingSaysSo(t *testing.T) {
	r := NewReport(&Summary{}, ReportOptions{})
	var b strings.Builder
	if err := r.WriteText(&b); err != nil || r.Conclusion.Answer != NoData || !strings.HasPrefix(b.String(), "No data") {
		t.Errorf("%v %q", err, b.String())
	}
	few := migrate(sameModelTwice, 20, 1)
	if few.Conclusion.Answer != Wait || few.Questions[0].PairsNeeded == nil {
		t.Errorf("20 pairs: %+v %+v", few.Conclusion, few.Questions)
	}
}

func TestSavingPerMonth(t *testing.T) {
	var s Summary
	for i := range 101 {
		p := chatPair("a", "a")
		p.Request.At = testStart.Add(time.Duration(i) * time.Minute)
		s.Add(Compare(p, Options{PrimaryPrices: Prices{"default": {Input: 10, Output: 20}},
			RelayPrices: Prices{"default": {Input: 1, Output: 2}}}))
	}
	v := NewReport(&s, ReportOptions{}).Saving
	calls := 30.44 * 24 * 60.
	each := (100*10 + 51*20) / 1e6
	if v == nil || math.Abs(v.CallsPerMonth-calls) > 1e-6*calls || math.Abs(v.PerMonth-.9*each*calls) > 1e-6*each*calls {
		t.Errorf("got %+v, want %v calls and $%v", v, calls, .9*each*calls)
	}
}
