package compare

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
)

// codes lists a result's findings as "code@arm", sorted.
func codes(r Result) string {
	var out []string
	for _, f := range r.Findings {
		c := f.Code
		if f.Path != "" {
			c += "(" + f.Path + ")"
		}
		if f.Arm != "" {
			c += "@" + f.Arm
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// lines is a text of whole sentences, about n bytes.
func lines(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "The river turns at stone number %d and then the wind takes a word from line %c. ", i*i, 'a'+i%26)
	}
	return strings.TrimSpace(b.String())
}

func dialect(name string, d exchange.Dialect) *exchange.Endpoint {
	return &exchange.Endpoint{Name: name, Dialect: d, Kind: exchange.Inference}
}

func TestOneSidedTroubleIsFound(t *testing.T) {
	long := lines(400)
	for _, c := range []struct {
		name   string
		change func(p *Pair, x *exchange.Exchange) // x is the relay's
		want   string
	}{
		{"nothing", func(*Pair, *exchange.Exchange) {}, ""},
		{"failed", func(p *Pair, _ *exchange.Exchange) { p.Relay = failed(exchange.Relay, exchange.ClassServer, 500) },
			"outcome.server_error@relay"},
		{"timed out", func(p *Pair, _ *exchange.Exchange) { p.Relay = failed(exchange.Relay, exchange.ClassIdle, 200) },
			"outcome.idle_timeout@relay"},
		{"aborted", func(p *Pair, _ *exchange.Exchange) { p.Relay = failed(exchange.Relay, exchange.ClassAborted, 200) }, ""},
		{"not sent", func(p *Pair, _ *exchange.Exchange) { p.Relay = failed(exchange.Relay, exchange.ClassNotSent, 0) }, ""},
		{"no such model", func(p *Pair, _ *exchange.Exchange) {
			p.Relay = failed(exchange.Relay, exchange.ClassNotFound, 404)
			p.Relay.Completion.NoModel = true
		}, "outcome.unknown_model@relay"},
		{"no such model on both", func(p *Pair, _ *exchange.Exchange) {
			p.Primary, p.Relay = failed(exchange.Primary, exchange.ClassNotFound, 404), failed(exchange.Relay, exchange.ClassNotFound, 404)
			p.Primary.Completion.NoModel, p.Relay.Completion.NoModel = true, true
		}, ""},
		{"both failed alike", func(p *Pair, _ *exchange.Exchange) {
			p.Primary, p.Relay = failed(exchange.Primary, exchange.ClassServer, 500), failed(exchange.Relay, exchange.ClassServer, 502)
		}, ""},
		{"both failed in different ways", func(p *Pair, _ *exchange.Exchange) {
			p.Primary, p.Relay = failed(exchange.Primary, exchange.ClassServer, 500), failed(exchange.Relay, exchange.ClassConnect, 0)
		}, "outcome.other"},
		{"primary failed", func(p *Pair, _ *exchange.Exchange) { p.Primary = failed(exchange.Primary, exchange.ClassServer, 500) },
			"outcome.server_error@primary"},
		{"no [DONE]", func(_ *Pair, x *exchange.Exchange) { x.Class, x.Detail = exchange.ClassUnfinished, "no_done" },
			"outcome.unfinished@relay"},
		{"no [DONE] on both", func(p *Pair, x *exchange.Exchange) {
			x.Class, p.Primary.Class = exchange.ClassUnfinished, exchange.ClassUnfinished
		}, ""},
		{"a fault of form", func(_ *Pair, x *exchange.Exchange) { x.Faults = []string{"event_after_done"} },
			"conformance.event_after_done@relay"},
		{"a fault of form on both", func(p *Pair, x *exchange.Exchange) {
			x.Faults, p.Primary.Faults = []string{"json"}, []string{"json"}
		}, ""},
		{"not streamed", func(_ *Pair, x *exchange.Exchange) {
			x.Streamed, x.Class, x.Faults = false, exchange.ClassMalformed, []string{"not_streamed"}
		}, "conformance.not_streamed@relay outcome.malformed@relay"},
		{"no [DONE] after a finish reason", func(_ *Pair, x *exchange.Exchange) { x.Faults = []string{"no_done"} }, "conformance.no_done@relay"},
		{"no finish reason", func(_ *Pair, x *exchange.Exchange) { x.Completion.FinishReason = "" }, "conformance.no_finish@relay"},
		{"no id", func(_ *Pair, x *exchange.Exchange) { x.Completion.ID = "" }, "conformance.no_id@relay"},
		{"no usage, asked", func(p *Pair, x *exchange.Exchange) { x.Usage.Known, p.Request.Facts.IncludeUsage = false, true },
			"conformance.no_usage@relay"},
		{"no usage, not asked", func(_ *Pair, x *exchange.Exchange) { x.Usage.Known = false }, ""},
		{"model", func(_ *Pair, x *exchange.Exchange) { x.Completion.Model = "gpt-4o-mini" }, "model.name@relay"},
		{"empty", func(_ *Pair, x *exchange.Exchange) { x.Completion.Text, x.Completion.TextBytes = " \n", 2 },
			"text.empty@relay text.short@relay"},
		{"refusal", func(_ *Pair, x *exchange.Exchange) {
			x.Completion.Text = "I’m sorry, but I can’t help with that. " + long
		}, "text.refusal@relay"},
		{"refusal by field", func(_ *Pair, x *exchange.Exchange) { x.Completion.Refusal = "no" }, "text.refusal@relay"},
		{"token limit", func(_ *Pair, x *exchange.Exchange) { x.Completion.FinishReason = "length" }, "text.truncated@relay"},
		{"cut off", func(_ *Pair, x *exchange.Exchange) { x.Completion.Text = long[:len(long)-9] }, "text.cut_off@relay"},
		{"short", func(_ *Pair, x *exchange.Exchange) { x.Completion.TextBytes /= 5 }, "text.short@relay"},
		{"loop", func(_ *Pair, x *exchange.Exchange) { x.Completion.Text += strings.Repeat(" and so on.", 20) }, "text.loop@relay"},
		{"input tokens", func(_ *Pair, x *exchange.Exchange) { x.Usage.InputTokens = 130 }, "usage.input@relay"},
		{"output tokens", func(_ *Pair, x *exchange.Exchange) { x.Usage.OutputTokens *= 2 }, "usage.output@relay"},
		{"reasoning tokens", func(_ *Pair, x *exchange.Exchange) { x.Usage.OutputTokens += 500; x.Usage.Reasoning = 500 }, ""},
		{"slow", func(_ *Pair, x *exchange.Exchange) { x.TTFT, x.Total = time.Second, 4*time.Second },
			"latency.first_token@relay latency.total@relay"},
	} {
		p := chatPair(long, long)
		c.change(&p, p.Relay)
		r := Compare(p, Options{})
		if got := codes(r); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
		for _, f := range r.Findings {
			if strings.Contains(f.Sentence, "{") || !strings.HasSuffix(f.Sentence, ".") || (f.Arm == "primary") && f.Severity != Info {
				t.Errorf("%s: %+v", c.name, f)
			}
		}
	}
}

// Every code must say something of its own.
func TestEveryCodeIsDescribed(t *testing.T) {
	all := []string{CodeOutcomeOther, CodeUnknownModel, "outcome.not_found", CodeNoFinish, CodeNoUsage, CodeNoID, CodeNotStreamed,
		CodeStructureMissing, CodeStructureType, CodeStructureValue,
		CodeRefusal, CodeEmpty, CodeTruncated, CodeCutOff, CodeLoop, CodeLanguage, CodeShort, CodeToolNotCalled, CodeToolUnknown,
		CodeToolJSON, CodeToolSchema,
		CodeToolChoice, CodeToolArguments, CodeJSONInvalid, CodeJSONSchema, CodeEmbeddingSize, CodeEmbeddingDistance, CodeUsageInput,
		CodeUsageOutput, CodeModelName,
		CodeSlowFirst, CodeSlowTotal, CodeCost, "outcome.server_error", "outcome.unfinished", "conformance.json", "conformance.shape",
		"conformance.new"}
	seen := map[string]string{}
	for _, code := range all {
		s := describe(code).sentence
		if other, ok := seen[s]; ok {
			t.Errorf("%s and %s both say %q", code, other, s)
		}
		seen[s] = code
	}
}

// A finding about a model that a side does not have names the mapping: what was
// asked, what it became, by which key, and what to do. Names are callers' input.
func TestUnknownModelsNameTheMapping(t *testing.T) {
	const script = "<script>alert(1)</script>"
	for _, c := range []struct{ asked, to, rule, path, want string }{
		{"gpt-4o", "gpt-4.1", "models.map", "gpt-4.1",
			"The relay has no model gpt-4.1, to which upstreams.relay.models.map maps gpt-4o: correct that entry."},
		{"gpt-4o-x", "gpt-4.1", "models.batch.map (prefix)", "gpt-4.1",
			"The relay has no model gpt-4.1, to which upstreams.relay.models.batch.map (prefix) maps gpt-4o-x: correct that entry."},
		{"gpt-4o", "gpt-5", "models.streaming.default", "gpt-5", "The relay has no model gpt-5, which " +
			"upstreams.relay.models.streaming.default gives for gpt-4o: correct it, or add gpt-4o under upstreams.relay.models.map."},
		{"gpt-4o", "gpt-4o", "unmapped", "", "The relay has no model gpt-4o, which was requested by that name and is not mapped: add it " +
			"under upstreams.relay.models.map."},
		{"gpt-4o", "gpt-4o", "", "", "The relay has no model gpt-4o, which was requested by that name and is not mapped: add it under " +
			"upstreams.relay.models.map."},
		{"", "", "unmapped", "", "The relay does not have the requested model."},
		{script, script, "unmapped", "", "The relay has no model other, which was requested by that name and is not mapped: add it under " +
			"upstreams.relay.models.map."},
		{strings.Repeat("x", 5000), "y", "models.default", "y", "The relay has no model y, which upstreams.relay.models.default gives for " +
			"other: correct it, or add other under upstreams.relay.models.map."},
	} {
		p := chatPair("yes", "yes")
		p.Request.Facts.Model = c.asked
		p.Relay = failed(exchange.Relay, exchange.ClassNotFound, 404)
		p.Relay.Model, p.Relay.ModelRule, p.Relay.Completion.ErrorCode = c.to, c.rule, "model_not_found"
		r := Compare(p, Options{})
		want := Finding{Code: CodeUnknownModel, Severity: Critical, Arm: "relay", Path: c.path, Sentence: c.want}
		if len(r.Findings) != 1 || r.Findings[0] != want {
			t.Errorf("%.20s: %+v\nwant %+v", c.asked, r.Findings, want)
		}
	}
}

func TestRefusalsInSeveralLanguages(t *testing.T) {
	for text, want := range map[string]bool{
		"I can't assist with that request.":                              true,
		"Es tut mir leid, aber ich kann dabei nicht helfen.":             true,
		"Désolé, je ne peux pas faire cela.":                             true,
		"Lo siento, pero no puedo ayudar con eso.":                       true,
		"很抱歉，我不能回答这个问题。":                                                 true,
		"申し訳ありませんが、お答えできません。":                                            true,
		"Извините, но я не могу с этим помочь.":                          true,
		"Sure! Here is how you can help with that.":                      false,
		"The river can't be crossed in winter.":                          false,
		strings.Repeat("It works like this. ", 15) + "I can't assist.":   false,
		"Semi, unable to reach the port, waited. I am able to tell more": false,
		"":                             false,
		strings.Repeat("ü", 150) + "é": false,
	} {
		if got := soundsLikeRefusal(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestEndsInside(t *testing.T) {
	long := lines(400)
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"whole":                {long, false},
		"cut":                  {long[:len(long)-7], true},
		"short":                {"Yes and", false},
		"a list at the end":    {long + "\n- one more item without a stop", false},
		"code at the end":      {long + "\n```go\nfunc main() {\n}\n```", false},
		"a heading at the end": {long + "\n## The end", false},
		"chinese, whole":       {strings.Repeat("今天天气很好。", 40), false},
		"chinese, cut":         {strings.Repeat("今天天气很好。", 40) + "我们去", true},
	} {
		if got := endsInside(c.text); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestEndsInLoop(t *testing.T) {
	long := lines(3000)
	for name, c := range map[string]struct {
		text string
		want bool
	}{
		"prose":                  {long, false},
		"a word":                 {long + strings.Repeat(" no", 60), true},
		"a sentence":             {long + strings.Repeat(" I think that this is the whole of the answer.", 6), true},
		"three times is no":      {long + strings.Repeat(" I think that this is the whole of the answer.", 3), false},
		"a rule":                 {long + strings.Repeat("-", 200), false},
		"a table":                {strings.Repeat("|---", 80), false},
		"begins in the middle":   {"x" + strings.Repeat("abcdefghij ", 40), true},
		"loops, then moves on":   {strings.Repeat("la ", 200) + long, false},
		"short":                  {strings.Repeat("ha", 20), false},
		"bytes above ASCII":      {strings.Repeat("今天", 60), true},
		"white space at the end": {strings.Repeat("la la ", 60) + "\n\n", true},
	} {
		if got := endsInLoop(c.text); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	for want, text := range map[string]string{
		"en":       "The answer to this is that the river will not be there for you, and it is from the same stone.",
		"de":       "Die Antwort ist nicht einfach, und der Fluss wird sich auch durch das Tal bei der Stadt ziehen.",
		"fr":       "La réponse est dans les pages que vous avez, et elle est pour une part plus simple au début avec ce livre.",
		"es":       "La respuesta es que el río está en el valle, pero no es como los otros y se puede ver por las tardes.",
		"cyrillic": "Ответ на этот вопрос не так прост, как кажется на первый взгляд.",
		"han":      "这个问题的答案并不像看起来那么简单，我们需要仔细考虑各种因素。",
		"kana":     "この質問の答えは、見た目ほど簡単ではありません。よく考えてください。",
		"hangul":   "이 질문에 대한 대답은 보기보다 간단하지 않습니다. 잘 생각해 보세요.",
		"arabic":   "الجواب على هذا السؤال ليس بسيطا كما يبدو للوهلة الأولى.",
		"":         "func main() { fmt.Println(42) }",
	} {
		if got := languageOf(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTheSideThatStrayedFromTheLanguageIsNamed(t *testing.T) {
	german := "Die Antwort ist nicht einfach, und der Fluss wird sich auch durch das Tal bei der Stadt ziehen."
	english := "The answer to this is that the river will not be there for you, and it is from the same stone."
	for _, c := range []struct{ body, want string }{
		{`{"messages":[{"role":"system","content":"x"},{"role":"user","content":"` + english + `"}]}`, "text.language@relay"},
		{`{"messages":[{"role":"user","content":[{"type":"text","text":"` + german + `"}]},{"role":"assistant","content":"` + english +
			`"}]}`, "text.language@primary"},
		{`{"input":"` + english + `"}`, "text.language@relay"},
		{`{"input":[{"role":"user","content":[{"type":"input_text","text":"` + german + `"}]}]}`, "text.language@primary"},
		{`{"prompt":"` + german + `"}`, "text.language@primary"},
		{`{"messages":`, "text.language"},
		{``, "text.language"},
	} {
		p := chatPair(english, german)
		p.Request.Body = []byte(c.body)
		if got := codes(Compare(p, Options{})); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
}

func TestSameModel(t *testing.T) {
	for _, c := range []struct {
		asked, named string
		want         bool
	}{
		{"gpt-4o", "gpt-4o", true},
		{"gpt-4o", "gpt-4o-2024-08-06", true},
		{"gpt-4o-2024-08-06", "gpt-4o", true},
		{"gpt-4o", "gpt-4o-mini", false},
		{"gpt-4", "gpt-4o", false},
		{"gpt-4", "gpt-4.1", false},
		{"gpt-4", "gpt-4-0613", true},
		{"openai/gpt-4o", "GPT-4o", true},
		{"claude-sonnet-4.5", "claude-sonnet-4-5-20250929", true},
		{"claude-3-opus-latest", "claude-3-opus-20240229", false},
		{"claude-3-opus", "claude-3-opus-latest", true},
		{"deepseek-chat", "deepseek-coder", false},
	} {
		if got := sameModel(c.asked, c.named); got != c.want {
			t.Errorf("asked %s, named %s: %v", c.asked, c.named, got)
		}
	}
}

func TestEmbeddings(t *testing.T) {
	pair := func(a, b []float32) Pair {
		p := chatPair("", "")
		p.Request.Endpoint = dialect("embeddings", exchange.OpenAIEmbeddings)
		p.Request.Facts.Stream = false
		p.Primary.Completion.Embedding, p.Primary.Completion.Vectors = a, 1
		p.Relay.Completion.Embedding, p.Relay.Completion.Vectors = b, 1
		return p
	}
	for _, c := range []struct {
		a, b []float32
		want string
		like float64
	}{
		{[]float32{1, 2, 3}, []float32{1, 2, 3.001}, "", 1},
		{[]float32{1, 0, 0}, []float32{0, 1, 0}, "embedding.distance", 0},
		{[]float32{1, 0}, []float32{1, 0, 0}, "embedding.size", 0},
		{[]float32{1, 0}, nil, "embedding.size", 0},
	} {
		r := Compare(pair(c.a, c.b), Options{})
		if codes(r) != c.want || r.Similarity < c.like-.001 || r.Similarity > c.like+.001 {
			t.Errorf("%v %v: %q %v", c.a, c.b, codes(r), r.Similarity)
		}
	}
}
