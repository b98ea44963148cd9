package compare

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cutover/exchange"
)

func toolPair(schema, primary, relay string) Pair {
	body := []byte(`{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"f","parameters":` +
		schema + `}}]}`)
	endpoint := exchange.Lookup("POST", "/v1/chat/completions")
	side := func(arm exchange.Arm, args string) *exchange.Exchange {
		return &exchange.Exchange{Arm: arm, Status: 200, Completion: exchange.Completion{
			ID: "i", Choices: 1, FinishReason: "tool_calls", ToolCalls: []exchange.ToolCall{{ID: "c", Name: "f", Arguments: args}},
		}}
	}
	q := &exchange.Request{ID: "a", Endpoint: endpoint, Path: "/v1/chat/completions", Body: body, Held: true,
		Facts: exchange.Facts{Model: "m"}}
	return Pair{Request: q, Primary: side(exchange.Primary, primary), Relay: side(exchange.Relay, relay), Outcome: Both}
}

// TestHostileArgumentsCostLittle: arguments of a megabyte, made to be expensive,
// against ordinary schemas. Each took from seconds to minutes with exact
// arithmetic and a compilation for each match; the bound is loose, for slow
// machines.
func TestHostileArgumentsCostLittle(t *testing.T) {
	digits := strings.Repeat("7", 1<<20-100)
	var many strings.Builder
	many.WriteByte('{')
	for i := range 90000 {
		fmt.Fprintf(&many, `"%x":1,`, i)
	}
	properties := many.String() + `"z":1}`
	list := "[" + strings.Repeat(`{"a":1},`, 60000) + `{"a":2}]`
	for _, c := range []struct{ name, schema, primary, relay string }{
		{"long integer", `{"properties":{"n":{"type":"integer"}}}`, `{"n":1}`, `{"n":` + digits + `}`},
		{"long fraction, integer wanted", `{"properties":{"n":{"type":"integer"}}}`, `{"n":1}`, `{"n":1.` + digits + `}`},
		{"long fractions on both sides", `{}`, `{"n":1.` + digits + `8}`, `{"n":1.` + digits + `}`},
		{"long fraction and bounds", `{"properties":{"n":{"minimum":0,"multipleOf":0.1}}}`, `{"n":1}`, `{"n":1.` + digits + `}`},
		{"many properties and patterns", `{"patternProperties":{"^a{1,99}":{},"^b{1,99}":{},"^[a-z_][a-z0-9_]{0,63}$":{}}}`, `{}`, properties},
		{"a long enumeration", `{"properties":{"l":{"items":{"enum":` + list + `}}}}`, `{}`, `{"l":` + list + `}`},
		{"unique items", `{"properties":{"l":{"uniqueItems":true}}}`, `{}`, `{"l":` + list + `}`},
	} {
		begun := time.Now()
		Compare(toolPair(c.schema, c.primary, c.relay), Options{})
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("%s: %v for one pair", c.name, took)
		}
	}
}

// TestLongNumbers: numbers that are too long for exact arithmetic are compared by
// their digits, and what can't be told is never a difference from the schema.
func TestLongNumbers(t *testing.T) {
	long := "1." + strings.Repeat("3", 500)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{long, long + "000", true}, {long, long + "1", false}, {long + "0", "-" + long, false},
		{"1" + strings.Repeat("0", 500), "1" + strings.Repeat("0", 500) + ".0", true},
		{"1" + strings.Repeat("0", 500), "1e500", false}, // an exponent beyond three digits or a number this long: not told apart
		{"1.0", "1", true}, {"1e2", "100", true}, {"-0", "0", true},
	} {
		if got := equalNumber(c.a, c.b); got != c.want {
			t.Errorf("%.20s... = %.20s...: %v, want %v", c.a, c.b, got, c.want)
		}
	}
	for text, want := range map[string]bool{
		`1` + strings.Repeat("0", 500): true, long: false, `1` + strings.Repeat("0", 500) + `.000`: true, `1e9999`: true,
	} {
		value, err := decodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := validates(map[string]any{"type": "integer"}, value); got != want {
			t.Errorf("%.20s... is an integer: %v, want %v", text, got, want)
		}
	}
}

// TestExpiredComparison: what is left when the time is over is left out, and the
// result says so.
func TestExpiredComparison(t *testing.T) {
	p := toolPair(`{"required":["n"]}`, `{"n":1}`, `{}`)
	whole := Compare(p, Options{Expired: func() bool { return false }})
	if !whole.Has(CodeToolSchema) || whole.Has(CodeIncomplete) {
		t.Errorf("in time: %v", whole.Findings)
	}
	cut := Compare(p, Options{Expired: func() bool { return true }})
	if cut.Has(CodeToolSchema) || !cut.Has(CodeIncomplete) || cut.Checked {
		t.Errorf("out of time: %v, checked %v", cut.Findings, cut.Checked)
	}
}
