package mock_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"cutover/internal/mock"

	"github.com/tidwall/gjson"
)

// prompts are n questions that differ.
func prompts(n int) []string {
	subjects := []string{
		"whales",
		"suspension bridges",
		"inflation",
		"sleep",
		"compilers",
		"the Roman empire",
		"black holes",
		"sourdough bread",
		"glaciers",
		"chess openings",
		"solar panels",
		"jazz",
		"migration birds",
		"public transport",
		"vaccines",
		"coffee",
		"tax law",
		"volcanoes",
		"robots",
		"poetry",
	}
	frames := []string{
		"How do %s work?",
		"Explain %s briefly.",
		"What are the risks of %s?",
		"Why do people care about %s?",
		"Compare %s with what came before.",
		"List five facts on %s.",
		"What is the history of %s?",
		"Give me advice on %s",
		"Write a function about %s",
		"Tell me something new about %s, number %d",
	}
	out := make([]string, n)
	for i := range out {
		f := frames[i%len(frames)]
		subject := subjects[(i/len(frames))%len(subjects)]
		if i >= len(frames)*len(subjects) {
			subject += fmt.Sprintf(" in region %d", i)
		}
		if strings.Contains(f, "%d") {
			out[i] = fmt.Sprintf(f, subject, i)
		} else {
			out[i] = fmt.Sprintf(f, subject)
		}
	}
	return out
}

func newMock(t testing.TB, cfg mock.Config) *mock.Server {
	t.Helper()
	s, err := mock.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// say returns the text of a chat response.
func say(t testing.TB, s *mock.Server, model, prompt string) string {
	t.Helper()
	a := ask(t, s, "/v1/chat/completions", fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%q}]}`, model, prompt))
	text := gjson.Get(a.body, "choices.0.message.content").Str
	if a.status != 200 || text == "" {
		t.Fatalf("%s: %d %s", prompt, a.status, a.body)
	}
	return text
}

// words is how many words of a and b are the same, of all of them (Jaccard on
// counts of word pairs).
func likeness(a, b string) float64 {
	pairs := func(s string) map[string]int {
		m := map[string]int{}
		w := strings.Fields(strings.ToLower(s))
		for i := range w {
			if i+1 < len(w) {
				m[w[i]+" "+w[i+1]]++
			}
		}
		return m
	}
	x, y := pairs(a), pairs(b)
	both, all := 0, 0
	for k, n := range x {
		both += min(n, y[k])
		all += max(n, y[k])
	}
	for k, n := range y {
		if x[k] == 0 {
			all += n
		}
	}
	return float64(both) / float64(max(all, 1))
}

func TestSameSeedSaysTheSame(t *testing.T) {
	a, b := newMock(t, mock.Config{Seed: 5, Name: "a"}), newMock(t, mock.Config{Seed: 5, DrawSeed: 77, Name: "b"})
	other := newMock(t, mock.Config{Seed: 6})
	same := 0
	for _, p := range prompts(50) {
		if x, y := say(t, a, "gpt-4o", p), say(t, b, "gpt-4o", p); x != y {
			t.Errorf("%s\n%s\n%s", p, x, y)
		}
		if say(t, a, "gpt-4o", p) == say(t, other, "gpt-4o", p) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d of 50 responses do not depend on the seed", same)
	}
}

func TestTwoThousandResponsesDiffer(t *testing.T) {
	s := newMock(t, mock.Config{})
	seen, firsts := map[string]bool{}, map[string]int{}
	var length, sentences float64
	all := prompts(2000)
	for _, p := range all {
		text := say(t, s, "gpt-4o", p)
		if seen[text] {
			t.Errorf("said twice: %s", text)
		}
		seen[text] = true
		first, _, _ := strings.Cut(text, ".")
		firsts[first]++
		length += float64(len(text))
		sentences += float64(strings.Count(text, ". ") + 1)
		if !utf8.ValidString(text) || strings.ContainsAny(text, "<~") && !strings.Contains(text, "```") ||
			strings.Contains(text, "  ") && !strings.Contains(text, "```") {
			t.Errorf("that is no language: %q", text)
		}
	}
	if len(firsts) < 1200 {
		t.Errorf("only %d different beginnings", len(firsts))
	}
	if mean := length / 2000; mean < 250 || mean > 900 {
		t.Errorf("%.0f characters per response, want several sentences", mean)
	}
	if mean := sentences / 2000; mean < 3 {
		t.Errorf("%.1f sentences per response", mean)
	}
}

func TestRepliesPickUpTheTopic(t *testing.T) {
	s := newMock(t, mock.Config{})
	for prompt, word := range map[string]string{"How do whales sleep?": "whales sleep", "什么是光合作用？": "什么是光合作用",
		"Вулканы и люди": "вулканы"} {
		if text := say(t, s, "gpt-4o", prompt); !strings.Contains(strings.ToLower(text), word) {
			t.Errorf("%s: %q is not in %q", prompt, word, text)
		}
	}
	if text := say(t, s, "gpt-4o", "Write a python function that merges lists"); !strings.Contains(text, "```python\ndef ") {
		t.Errorf("no code in %q", text)
	}
	if text := say(t, s, "gpt-4o", "List the steps to plant a tree"); !strings.Contains(text, "\n- ") && !strings.Contains(text, "\n1. ") {
		t.Errorf("no list in %q", text)
	}
	if text := say(t, s, "gpt-4o", "?!"); len(text) < 40 {
		t.Errorf("a prompt without words: %q", text)
	}
}

// TestNoise says what a rehearsal rests on: two calls of one model differ a
// little, and as much as two mocks of the same model do; another model differs
// much more.
func TestNoise(t *testing.T) {
	noisy := func(draw uint64) *mock.Server {
		return newMock(t, mock.Config{Seed: 1, DrawSeed: draw, Speech: mock.Speech{Noise: 0.25}})
	}
	primary, relay := noisy(1), noisy(2)
	var self, cross, other, equalTexts float64
	all := prompts(400)
	for _, p := range all {
		one := say(t, primary, "gpt-4o", p)
		two := say(t, primary, "gpt-4o", p)
		self += likeness(one, two)
		cross += likeness(one, say(t, relay, "gpt-4o", p))
		other += likeness(one, say(t, relay, "gpt-4.1", p))
		if one == two {
			equalTexts++
		}
	}
	n := float64(len(all))
	self, cross, other = self/n, cross/n, other/n
	t.Logf("likeness: same mock twice %.3f, two mocks %.3f, another model %.3f; %.0f %% equal", self, cross, other, 100*equalTexts/n)
	if self < 0.5 || self > 0.75 {
		t.Errorf("two calls are alike by %.3f, want a little noise", self)
	}
	if math.Abs(self-cross) > 0.03 {
		t.Errorf("two mocks (%.3f) differ otherwise than two calls (%.3f)", cross, self)
	}
	if other > self/2 {
		t.Errorf("another model is alike by %.3f, nearly as much as the same (%.3f)", other, self)
	}
	voiced := newMock(t, mock.Config{Seed: 1, Speech: mock.Speech{Voice: "gpt-4o"}})
	if say(t, voiced, "some-relay-name", all[0]) != say(t, newMock(t, mock.Config{Seed: 1}), "gpt-4o", all[0]) {
		t.Error("the voice of a model is not that model's")
	}
}

func TestNoiseIsRepeatable(t *testing.T) {
	run := func() string {
		s := newMock(t, mock.Config{Speech: mock.Speech{Noise: 0.5}})
		return say(t, s, "m", "Tell me about tides") + say(t, s, "m", "Tell me about tides")
	}
	if a, b := run(), run(); a != b {
		t.Errorf("the same seeds give\n%s\nand\n%s", a, b)
	}
}

func TestLimitsOfLength(t *testing.T) {
	body := `{"model":"m","messages":[{"role":"user","content":"Tell me about tides"}],"max_tokens":%d}`
	for _, c := range []struct{ truncate, asked, want int }{{0, 7, 7}, {5, 7, 5}, {9, 7, 7}, {4, 10_000, 4}} {
		s := newMock(t, mock.Config{Speech: mock.Speech{TruncateAt: c.truncate}})
		a := ask(t, s, "/v1/chat/completions", fmt.Sprintf(body, c.asked))
		if n, why := gjson.Get(a.body, "usage.completion_tokens").Int(), gjson.Get(a.body, "choices.0.finish_reason").Str; int(n) != c.want ||
			why != "length" {
			t.Errorf("%+v: %d tokens, finish %s", c, n, why)
		}
	}
	a := ask(t, newMock(t, mock.Config{}), "/v1/messages", `{"model":"m","max_tokens":3,"messages":[{"role":"user","content":"hi"}]}`)
	if gjson.Get(a.body, "stop_reason").Str != "max_tokens" || gjson.Get(a.body, "usage.output_tokens").Int() != 3 {
		t.Errorf("messages: %s", a.body)
	}
	a = ask(t, newMock(t, mock.Config{}), "/v1/responses", `{"model":"m","max_output_tokens":3,"input":"hi"}`)
	if gjson.Get(a.body, "status").Str != "incomplete" || gjson.Get(a.body, "incomplete_details.reason").Str != "max_output_tokens" {
		t.Errorf("responses: %s", a.body)
	}
	a = ask(
		t,
		newMock(t, mock.Config{}),
		"/v1/messages",
		`{"model":"m","max_tokens":900,"stop_sequences":[" the "],"messages":[{"role":"user","content":"Tell me about tides and the sea"}]}`,
	)
	if text := gjson.Get(a.body, "content.0.text").Str; gjson.Get(a.body, "stop_reason").Str != "stop_sequence" ||
		strings.Contains(text, " the ") {
		t.Errorf("stop sequence: %s", a.body)
	}
}

func TestResponseLengthFollowsTheSetting(t *testing.T) {
	mean := func(tokens int) float64 {
		s := newMock(t, mock.Config{Speech: mock.Speech{ResponseTokens: tokens}})
		sum := 0.0
		for _, p := range prompts(100) {
			sum += float64(len(say(t, s, "gpt-4o", p)))
		}
		return sum / 100 / 4
	}
	short, long := mean(60), mean(600)
	if short > 160 || long < 300 || long > 1100 {
		t.Errorf("60 and 600 tokens asked for, about %.0f and %.0f given", short, long)
	}
}

func TestBill(t *testing.T) {
	body := `{"model":"m","messages":[{"role":"user","content":"Tell me about tides"}]}`
	fair := ask(t, newMock(t, mock.Config{}), "/v1/chat/completions", body).body
	dear := ask(t, newMock(t, mock.Config{Speech: mock.Speech{Bill: 1.2}}), "/v1/chat/completions", body).body
	for _, key := range []string{"usage.prompt_tokens", "usage.completion_tokens"} {
		want := math.Round(1.2 * gjson.Get(fair, key).Num)
		if got := gjson.Get(dear, key).Num; got != want {
			t.Errorf("%s: %v, want %v", key, got, want)
		}
	}
	if gjson.Get(fair, "choices.0.message.content").Str != gjson.Get(dear, "choices.0.message.content").Str {
		t.Error("the bill changes what is said")
	}
}

func TestRefusals(t *testing.T) {
	s := newMock(t, mock.Config{Speech: mock.Speech{Refusals: 0.3}})
	n := 0
	for _, p := range prompts(500) {
		if text := say(t, s, "m", p); strings.HasPrefix(text, "I'm sorry") || strings.HasPrefix(text, "Sorry") ||
			strings.HasPrefix(text, "I can't") ||
			strings.HasPrefix(text, "I won't") {
			n++
		}
	}
	if n < 110 || n > 190 {
		t.Errorf("%d of 500 responses decline, want about 150", n)
	}
	r := newMock(t, mock.Config{Speech: mock.Speech{Refusals: 1}})
	a := ask(t, r, "/v1/chat/completions", `{"model":"m","messages":[{"role":"user","content":"x"}],"response_format":{"type":"json_object"}}`)
	if gjson.Get(a.body, "choices.0.message.refusal").Str == "" || gjson.Get(a.body, "choices.0.message.content").Type != gjson.Null {
		t.Errorf("a refusal where JSON was asked for: %s", a.body)
	}
}

func TestChoices(t *testing.T) {
	a := ask(
		t,
		newMock(t, mock.Config{}),
		"/v1/chat/completions",
		`{"model":"m","n":3,"messages":[{"role":"user","content":"Tell me about tides"}]}`,
	)
	texts := map[string]bool{}
	for _, c := range gjson.Get(a.body, "choices").Array() {
		texts[c.Get("message.content").Str] = true
	}
	if len(texts) != 3 {
		t.Errorf("3 choices asked for, %d different ones came", len(texts))
	}
}
