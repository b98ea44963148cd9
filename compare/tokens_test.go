package compare

import (
	"strings"
	"testing"

	"cutover/exchange"
)

// The counts are those that OpenAI's own tokenizer gives.
func TestCounter(t *testing.T) {
	t.Parallel()
	var c Counter
	for _, row := range []struct {
		model, text string
		want        int
		known       bool
	}{
		{"gpt-4o", "hello world", 2, true},
		{"gpt-4.1-mini-2025-04-14", "tiktoken is great!", 6, true},
		{"gpt-4", "tiktoken is great!", 6, true},
		{"openai/gpt-3.5-turbo", "hello world", 2, true},
		{"gpt-4o", "", 0, true},
		{"claude-sonnet-4.5", "hello world", 0, false},
		{"", "hello world", 0, false},
	} {
		if got, ok := c.Count(row.model, row.text); got != row.want || ok != row.known {
			t.Errorf("Count(%q, %q) = %d, %v; want %d, %v", row.model, row.text, got, ok, row.want, row.known)
		}
	}
}

func TestTheBillIsCounted(t *testing.T) {
	t.Parallel()
	counter := &Counter{}
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20)
	exact, _ := counter.Count("gpt-4o", text)
	for _, row := range []struct {
		name           string
		primary, relay float64 // billed, as a factor on what is there
		model          string
		want           string
	}{
		{"both honest", 1, 1, "gpt-4o", ""},
		{"a few tokens of framing", 1, 1.02, "gpt-4o", ""},
		{"the relay bills a fifth more", 1, 1.2, "gpt-4o", "relay"},
		{"so does the primary", 1.2, 1, "gpt-4o", "primary"},
		{"both do", 1.2, 1.2, "gpt-4o", ""},
		{"nobody can count for this family", 1, 1.2, "claude-sonnet-4.5", ""},
	} {
		p := chatPair(text, text)
		for x, factor := range map[*exchange.Exchange]float64{p.Primary: row.primary, p.Relay: row.relay} {
			x.Completion.Model, x.Completion.TextBytes = row.model, len(text)
			x.Usage = exchange.Usage{Known: true, InputTokens: 10, OutputTokens: int(float64(exact)*factor) + 1}
		}
		r := Compare(p, Options{Counter: counter})
		got := ""
		for _, f := range r.Findings {
			if f.Code == CodeUsageBilled {
				got = strings.TrimPrefix(strings.Fields(f.Sentence)[1], "")
			}
		}
		if got != row.want {
			t.Errorf("%s: the bill of %q is named, want %q: %+v", row.name, got, row.want, r.Findings)
		}
		if row.model == "gpt-4o" && (r.Primary.CountedTokens != exact || r.Relay.CountedTokens != exact) {
			t.Errorf("%s: counted %d and %d, want %d", row.name, r.Primary.CountedTokens, r.Relay.CountedTokens, exact)
		}
		if r := Compare(p, Options{}); r.Relay.CountedTokens != 0 || r.Has(CodeUsageBilled) {
			t.Errorf("%s: counted without being asked to", row.name)
		}
	}
}
