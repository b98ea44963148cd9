package compare_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/internal/millis"
)

// The thresholds of the checks, each a step before and a step behind.

// told says by whom a code was found in a pair: "relay", "primary", "both" (of
// the pair) or "" where it was not.
func told(p compare.Pair, code string, o compare.Options) string {
	for _, f := range compare.Compare(p, o).Findings {
		if f.Code == code {
			if f.Arm == "" {
				return "both"
			}
			return f.Arm
		}
	}
	return ""
}

// How much each code weighs: critical breaks programs, major is noticed, minor
// hardly, info is no reason to stop. What only the primary has is info.
func TestSeverityOfEachCode(t *testing.T) {
	for severity, codes := range map[compare.Severity]string{
		compare.Critical: "outcome.unknown_model outcome.bad_request outcome.auth outcome.payment_required outcome.not_found " +
			"outcome.error_event " +
			"outcome.malformed outcome.empty outcome.broken outcome.overloaded outcome.server_error outcome.connect outcome.tls " +
			"outcome.header_timeout outcome.first_token_timeout outcome.idle_timeout outcome.timeout outcome.unheard-of " +
			"conformance.not_streamed conformance.json conformance.encoding text.empty tools.unknown tools.json tools.schema " +
			"json.invalid json.schema embedding.size embedding.distance",
		compare.Major: "outcome.rate_limited outcome.unfinished conformance.no_finish structure.type structure.value conformance.utf8 " +
			"conformance.content_type conformance.encoding_unknown conformance.shape conformance.base64 conformance.order " +
			"conformance.unheard-of text.refusal text.truncated text.cut_off text.loop text.language tools.not_called usage.input " +
			"usage.output usage.billed",
		compare.Minor: "outcome.other conformance.no_usage conformance.no_id structure.missing conformance.broken_after_done " +
			"conformance.event_after_done text.short tools.choice tools.arguments model.name",
		compare.Info: "conformance.too_large latency.first_token latency.total cost.higher something.new",
	} {
		for code := range strings.FieldsSeq(codes) {
			for arm, want := range map[string]compare.Severity{"relay": severity, "primary": compare.Info} {
				tally := compare.CodeCounts{Relay: 1}
				if arm == "primary" {
					tally = compare.CodeCounts{Primary: 1}
				}
				r := reportOf(compare.Aggregate{Pairs: 1, Codes: map[compare.Code]compare.CodeCounts{{Code: code}: tally}})
				if got := r.Findings[0]; got.Severity != want {
					t.Errorf("%s of the %s: %s, want %s", code, arm, got.Severity, want)
				}
			}
		}
	}
}

// The sentence names the side that it is about, and the other one.
func TestSentencesNameTheSides(t *testing.T) {
	p := pair("Yes.", "Yes.")
	p.Relay.Completion.Refusal = "no"
	q := pair("Yes.", "Yes.")
	q.Primary.Completion.Refusal = "no"
	for want, found := range map[string][]compare.Finding{
		"The relay refused the request; the primary did not.": compare.Compare(p, compare.Options{}).Findings,
		"The primary refused the request; the relay did not.": compare.Compare(q, compare.Options{}).Findings,
	} {
		if len(found) != 1 || found[0].Sentence != want {
			t.Errorf("%+v, want %q", found, want)
		}
	}
}

// Hard faults are those that don't come and go with how the model happens to
// answer; failed calls are counted apart.
func TestWhichFindingsAreHardFaults(t *testing.T) {
	for code, want := range map[string]uint64{
		compare.CodeToolSchema: 1, compare.CodeTruncated: 1, compare.CodeRefusal: 1, compare.CodeLoop: 1, compare.CodeJSONInvalid: 1,
		"conformance.utf8": 1, compare.CodeStructureType: 1, compare.CodeEmpty: 1, compare.CodeLanguage: 1,
		compare.CodeToolNotCalled: 0, compare.CodeCutOff: 0, compare.CodeShort: 0, compare.CodeUsageInput: 0, compare.CodeUsageOutput: 0,
		compare.CodeUsageBilled: 0, compare.CodeToolArguments: 0, compare.CodeModelName: 0, compare.CodeCost: 0, "outcome.server_error": 0,
	} {
		var s compare.Summary
		ok := compare.ArmResult{Called: true, Status: 200}
		s.Add(compare.Result{Primary: ok, Relay: ok, Findings: []compare.Finding{{Code: code, Arm: "relay"}}})
		if got := s.All.Faults.Plus; got != want {
			t.Errorf("%s counts as %d hard faults, want %d", code, got, want)
		}
	}
}

// A cosine below .98 is another direction.
func TestEmbeddingsPointInOneDirection(t *testing.T) {
	for cosine, want := range map[float64]string{.979: "both", .981: "", .985: "", 1: "", .5: "both"} {
		p := pair("", "")
		p.Request.Endpoint = &exchange.Endpoint{Name: "embeddings", Dialect: exchange.OpenAIEmbeddings}
		p.Primary.Completion = exchange.Completion{Embedding: []float32{2, 0}, Vectors: 1}
		p.Relay.Completion = exchange.Completion{Embedding: []float32{float32(3 * cosine), float32(3 * math.Sqrt(1-cosine*cosine))}, Vectors: 1}
		if got := told(p, compare.CodeEmbeddingDistance, compare.Options{}); got != want {
			t.Errorf("a cosine of %v is told of %q, want %q", cosine, got, want)
		}
		near(t, "cosine", compare.Cosine(p.Primary.Completion.Embedding, p.Relay.Completion.Embedding), cosine, 1e-6)
	}
}

// Over three times as long, and half a second more to the first token or two
// seconds more to the end.
func TestWhatIsSlow(t *testing.T) {
	for _, c := range []struct {
		code           string
		primary, relay int // milliseconds
		want           string
	}{
		{compare.CodeSlowFirst, 300, 900, ""},
		{compare.CodeSlowFirst, 300, 901, "relay"},
		{compare.CodeSlowFirst, 901, 300, "primary"},
		{compare.CodeSlowFirst, 900, 300, ""},
		{compare.CodeSlowFirst, 100, 599, ""},
		{compare.CodeSlowFirst, 100, 600, "relay"},
		{compare.CodeSlowFirst, 599, 100, ""},
		{compare.CodeSlowFirst, 600, 100, "primary"},
		{compare.CodeSlowFirst, 5000, 12000, ""},
		{compare.CodeSlowFirst, 0, 12000, ""},
		{compare.CodeSlowTotal, 500, 2499, ""},
		{compare.CodeSlowTotal, 500, 2500, "relay"},
		{compare.CodeSlowTotal, 2500, 500, "primary"},
		{compare.CodeSlowTotal, 2000, 6000, ""},
		{compare.CodeSlowTotal, 2000, 6001, "relay"},
	} {
		p := pair("Yes.", "Yes.")
		a, b := time.Duration(c.primary)*time.Millisecond, time.Duration(c.relay)*time.Millisecond
		if c.code == compare.CodeSlowFirst {
			p.Primary.TTFT, p.Relay.TTFT = a, b
			p.Primary.Total, p.Relay.Total = time.Minute, time.Minute
		} else {
			p.Primary.TTFT, p.Relay.TTFT = time.Millisecond, time.Millisecond
			p.Primary.Total, p.Relay.Total = a, b
		}
		if got := told(p, c.code, compare.Options{}); got != c.want {
			t.Errorf("%s, %d ms against %d ms: told of %q, want %q", c.code, c.primary, c.relay, got, c.want)
		}
	}
}

// Over 5 % more dollars.
func TestWhatIsDear(t *testing.T) {
	for price, want := range map[float64]string{1: "", 1.04: "", 1.06: "relay", 2: "relay"} {
		o := compare.Options{PrimaryPrices: compare.Prices{"gpt-4o": {Input: 1, Output: 1}},
			RelayPrices: compare.Prices{"gpt-4o": {Input: price, Output: price}}}
		if got := told(pair("Yes.", "Yes."), compare.CodeCost, o); got != want {
			t.Errorf("at %v times the price: told of %q, want %q", price, got, want)
		}
	}
}

// Four repetitions, 120 bytes in all, within the last 1,024 bytes.
func TestWhatIsALoop(t *testing.T) {
	period := func(n int) string { return strings.Repeat("x", n-1) + "y" }
	for _, c := range []struct {
		length, times int
		want          string
	}{
		{30, 4, "relay"}, {29, 4, ""}, {40, 3, ""}, {50, 3, ""}, {10, 12, "relay"}, {10, 11, ""},
		{250, 4, "relay"}, {256, 4, "relay"}, {257, 4, ""}, {300, 8, ""},
	} {
		if got := told(pair("Yes.", "So it goes:"+strings.Repeat(period(c.length), c.times)), compare.CodeLoop,
			compare.Options{}); got != c.want {
			t.Errorf("%d times %d bytes: told of %q, want %q", c.times, c.length, got, c.want)
		}
	}
}

// Input: over 1.1 times as many tokens and 8 more. Output: over 1.5 times as
// many for each byte of a text of 200 bytes or more, reasoning not counted.
func TestWhatIsCountedTooHigh(t *testing.T) {
	for _, c := range []struct {
		primary, relay int
		want           string
	}{
		{100, 118, ""}, {100, 119, "relay"}, {119, 100, "primary"}, {118, 100, ""},
		{1000, 1108, ""}, {1000, 1109, "relay"}, {2, 10, ""}, {2, 11, "relay"}, {0, 50, ""},
	} {
		p := pair("Yes.", "Yes.")
		p.Primary.Usage.InputTokens, p.Relay.Usage.InputTokens = c.primary, c.relay
		if got := told(p, compare.CodeUsageInput, compare.Options{}); got != c.want {
			t.Errorf("%d input tokens against %d: told of %q, want %q", c.primary, c.relay, got, c.want)
		}
	}
	for _, c := range []struct {
		bytes, primary, relay, reasoning int
		want                             string
	}{
		{400, 100, 150, 0, ""}, {400, 100, 151, 0, "relay"}, {400, 151, 100, 0, "primary"}, {400, 100, 130, 0, ""},
		{200, 50, 100, 0, "relay"}, {199, 50, 100, 0, ""}, {400, 100, 1000, 900, ""}, {400, 100, 1000, 849, "relay"},
	} {
		text := strings.Repeat("ab cd. ", 100)[:c.bytes]
		p := pair(text, text)
		p.Primary.Usage.OutputTokens, p.Relay.Usage.OutputTokens, p.Relay.Usage.Reasoning = c.primary, c.relay, c.reasoning
		if got := told(p, compare.CodeUsageOutput, compare.Options{}); got != c.want {
			t.Errorf("%+v: told of %q", c, got)
		}
	}
}

// A bill: over 1.1 times the tokens counted and 8 more. " hello" is one token.
func TestWhatIsBilledTooHigh(t *testing.T) {
	counter := &compare.Counter{}
	text := "hello" + strings.Repeat(" hello", 99)
	if n, ok := counter.Count("gpt-4o", text); !ok || n != 100 {
		t.Fatalf("%d tokens, want 100", n)
	}
	for _, c := range []struct {
		billed, reasoning int
		want              string
	}{{100, 0, ""}, {118, 0, ""}, {119, 0, "relay"}, {500, 382, ""}, {500, 381, "relay"}} {
		p := pair(text, text)
		p.Primary.Usage.OutputTokens = 100
		p.Relay.Usage.OutputTokens, p.Relay.Usage.Reasoning = c.billed, c.reasoning
		if got := told(p, compare.CodeUsageBilled, compare.Options{Counter: counter}); got != c.want {
			t.Errorf("%d billed, %d of them reasoning: told of %q, want %q", c.billed, c.reasoning, got, c.want)
		}
	}
}

// Less than a quarter as long, where one has 200 bytes or more.
func TestWhatIsShort(t *testing.T) {
	for _, c := range []struct {
		primary, relay int
		want           string
	}{
		{400, 100, ""}, {400, 99, "relay"}, {99, 400, "primary"}, {100, 400, ""}, {400, 200, ""}, {199, 10, ""}, {200, 10, "relay"},
		{400, 41, "relay"}, {400, 0, ""},
	} {
		words := strings.Repeat("word ", 100)
		p := pair(words[:c.primary], words[:c.relay])
		if got := told(p, compare.CodeShort, compare.Options{}); got != c.want {
			t.Errorf("%d bytes against %d: told of %q, want %q", c.primary, c.relay, got, c.want)
		}
	}
}

// A text of 200 bytes or more whose last line has 60 or more, with a sentence
// in it, ends inside another when it ends in a letter, a comma or a hyphen.
func TestWhatIsCutOff(t *testing.T) {
	line := func(n int, end string) string { return "Done. " + strings.Repeat("w", n-6-len(end)) + end }
	lead := strings.Repeat("All is well. ", 30)
	for text, want := range map[string]string{
		lead + "\n" + line(60, "and"):              "relay",
		lead + "\n" + line(59, "and"):              "",
		lead + "\n" + line(60, ","):                "relay",
		lead + "\n" + line(60, "-"):                "relay",
		lead + "\n" + line(60, "."):                "",
		lead + "\n" + line(60, ":"):                "",
		lead + "\n" + strings.Repeat("heading", 9): "", // no sentence
		lead + "\n" + line(60, "and") + " \n":      "relay",
		line(200, "and"):                           "relay",
		line(199, "and"):                           "",
	} {
		if got := told(pair(lead, text), compare.CodeCutOff, compare.Options{}); got != want {
			t.Errorf("%q: told of %q, want %q", text[max(0, len(text)-70):], got, want)
		}
	}
}

// A refusal begins within the first 200 bytes.
func TestWhereARefusalStands(t *testing.T) {
	for at, want := range map[int]string{0: "relay", 40: "relay", 183: "relay", 184: "", 400: ""} {
		text := strings.Repeat("a ", 400)[:at]
		if at%2 == 1 {
			text = text[:at-1] + " "
		}
		text += "I can't help with that." // the phrase has 17 bytes
		if got := told(pair("Yes.", text), compare.CodeRefusal, compare.Options{}); got != want {
			t.Errorf("after %d bytes: told of %q, want %q", at, got, want)
		}
	}
}

// A language shows by five of its most frequent words, and twice as many as of
// any other; a script by twenty letters, two thirds of them.
func TestWhatTellsALanguage(t *testing.T) {
	english := "the weather of the day and what you can do with it for this would be from your"
	for text, want := range map[string]string{
		"der Himmel, die Sonne, nicht ein Meer zu sehen":  "relay", // five
		"der Himmel, die Sonne, nicht ein Meer gesehen":   "",      // four
		"der die nicht ein zu the and of":                 "",      // five to three
		"der die nicht ein zu mit the and of":             "relay", // six to three
		strings.Repeat("б", 20):                           "relay",
		strings.Repeat("б", 19):                           "",
		strings.Repeat("б", 21) + strings.Repeat("q", 10): "relay", // over two thirds
		strings.Repeat("б", 20) + strings.Repeat("q", 10): "",      // two thirds
	} {
		p := pair(english, text)
		p.Request.Body = []byte(fmt.Sprintf(`{"messages":[{"role":"user","content":%q}]}`, english))
		if got := told(p, compare.CodeLanguage, compare.Options{}); got != want {
			t.Errorf("%q: told of %q, want %q", text, got, want)
		}
	}
}

// After the first token: 50 more tokens in half a second are 100 a second.
func TestTokensPerSecond(t *testing.T) {
	a := compare.ArmResult{
		Called: true, Streamed: true, UsageKnown: true, OutputTokens: 51,
		TTFT: millis.Duration(time.Second), Total: millis.Duration(1500 * time.Millisecond),
	}
	near(t, "rate", a.TokensPerSecond(), 100, 1e-9)
}

// Who failed: not a caller who went away, nor a call that was never sent.
func TestWhoFailed(t *testing.T) {
	for class, want := range map[exchange.Class]bool{
		exchange.ClassNone: false, exchange.ClassServer: true, exchange.ClassAborted: false, exchange.ClassNotSent: false,
		exchange.ClassRateLimited: true, exchange.ClassIdle: true,
	} {
		if got := (compare.ArmResult{Called: true, Class: class}).Failed(); got != want {
			t.Errorf("%q failed: %v, want %v", class, got, want)
		}
	}
	if (compare.ArmResult{Class: exchange.ClassServer}).Failed() {
		t.Error("a call that was not made has failed")
	}
}

// Dollars a million tokens: 700 + 300 cached + 500 out at 2, .5 and 8.
func TestCostOfACall(t *testing.T) {
	near(t, "with a price for cached tokens", compare.Price{Input: 2, CachedInput: .5, Output: 8}.Cost(1000, 300, 500),
		(700*2+300*.5+500*8)/1e6, 1e-15)
	near(t, "without", compare.Price{Input: 2, Output: 8}.Cost(1000, 300, 500), (1000*2+500*8)/1e6, 1e-15)
	near(t, "more cached than there are", compare.Price{Input: 2, CachedInput: .5, Output: 8}.Cost(100, 300, 0), 100*.5/1e6, 1e-15)
	prices := compare.Prices{"gpt": {Input: 1}, "gpt-4": {Input: 2}, "gpt-4.1": {Input: 3}, "default": {Input: 4}}
	for model, want := range map[string]float64{"gpt-4.1-mini": 3, "gpt-4o": 2, "gpt-3.5": 1, "gpt-4": 2, "claude": 4} {
		if got, ok := prices.For(model); !ok || got.Input != want {
			t.Errorf("%s costs %v, want %v: the longest name that fits", model, got.Input, want)
		}
	}
}

// What people look at first: by severity, then the newest; the primary's
// faults don't count. A score is exact in a float64.
func TestScoresOfSamples(t *testing.T) {
	at := func(second int, findings ...compare.Finding) *compare.Result {
		return &compare.Result{ID: fmt.Sprint("01J", second), At: time.Unix(1_800_000_000+int64(second), 0), Findings: findings}
	}
	critical, minor := compare.Finding{Arm: "relay", Severity: compare.Critical}, compare.Finding{Arm: "relay", Severity: compare.Minor}
	primarys, ofBoth := compare.Finding{Arm: "primary", Severity: compare.Info}, compare.Finding{Severity: compare.Major}
	order := []*compare.Result{at(9), at(10, primarys), at(1, minor), at(2, minor), at(0, ofBoth), at(0, critical),
		at(3, minor, critical, minor)}
	for i := 1; i < len(order); i++ {
		if a, b := compare.ClassWorst.Score(order[i-1]), compare.ClassWorst.Score(order[i]); a >= b {
			t.Errorf("%+v has rank %d and %+v %d, want less", order[i-1].Findings, a, order[i].Findings, b)
		}
	}
	for _, class := range compare.Classes() {
		for _, r := range order {
			if score := class.Score(r); score > 1<<53 {
				t.Errorf("%s: %d is not exact in a float64", class, score)
			}
		}
	}
}

// Each text of a sample has at most 256 KiB.
func TestSamplesAreBounded(t *testing.T) {
	const most = 256 << 10
	for length, want := range map[int]int{most - 1: most - 1, most: most, most + 1: most} {
		p := pair(strings.Repeat("a", length), "b")
		s := compare.NewSample(p, compare.Result{}, compare.CaptureFull, compare.Known{})
		if got := len(s.Primary.Text); got != want {
			t.Errorf("%d of %d bytes are kept, want %d", got, length, want)
		}
	}
}
