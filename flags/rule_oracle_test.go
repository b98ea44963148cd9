package flags

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"testing"

	"github.com/diegoholiveira/jsonlogic/v3"
	"pgregory.net/rapid"
)

// The evaluator of rules is compared with the JsonLogic library that flagd uses:
// random rules on random data, and beside them the rules on which the two differ.

// evaluateOurs compiles and runs a rule.
func evaluateOurs(t rapid.TB, rule any, data map[string]any) any {
	t.Helper()
	text, err := json.Marshal(rule)
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := compileRule(text, nil)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	e := evaluation{data: data}
	e.stack = e.inline[:0]
	v := r(&e)
	if e.err != nil {
		t.Fatalf("%s: %v", text, e.err)
	}
	return v
}

// evaluateTheirs runs a rule by the library, which may panic.
func evaluateTheirs(rule any, data map[string]any) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	ruleText, err := json.Marshal(rule)
	if err != nil {
		return nil, err
	}
	dataText, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	var result bytes.Buffer
	if err := jsonlogic.Apply(bytes.NewReader(ruleText), bytes.NewReader(dataText), &result); err != nil {
		return nil, err
	}
	err = json.Unmarshal(result.Bytes(), &v)
	return v, err
}

func TestRulesAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := ruleData(t)
		g := ruleGenerator{t: t, depth: 4}
		for range 25 {
			compareRule(t, rapid.SampledFrom([]func() any{g.boolean, g.number, g.text, g.numbers}).Draw(t, "kind")(), data)
		}
	})
}

func compareRule(t *rapid.T, rule any, data map[string]any) {
	text, err := json.Marshal(rule)
	if err != nil {
		t.Fatal(err)
	}
	want, failed := evaluateTheirs(rule, data)
	if failed != nil {
		t.Fatalf("the library fails on %s: %v", text, failed)
	}
	if got := evaluateOurs(t, rule, data); !reflect.DeepEqual(got, want) {
		t.Fatalf("%s on %v = %#v, by the library %#v", text, data, got, want)
	}
}

// Where the two differ, each difference has its reason: mostly that ours does what
// the reference implementation in JavaScript does. If a new version of the library
// agrees, the row goes, and the generator may make such rules.
func TestRulesDifferFromTheLibraryWhereKnown(t *testing.T) {
	const (
		javaScript = "as in JavaScript"
		lastValue  = "and, or return the argument that decides, as in JavaScript; the library returns a boolean or the largest number"
		notJSON    = "what JSON can't represent is null; the library returns an infinity or NaN"
		noPanic    = "a value of another type is converted; the library panics"
		twoOnly    = "the reference takes two arguments; the library takes all"
		emptyText  = "an empty string counts as missing, as in the reference"
		itemOnly   = "a rule on items sees the item alone, as in the reference; the library also resolves paths of the outer data"
	)
	data := map[string]any{"n": 3.0, "empty": "", "list": []any{1.0, 2.0}}
	for rule, c := range map[string]struct {
		want   any
		reason string
	}{
		`{"and":[null,true]}`:                   {nil, "what is absent must not count as true; the library skips null"},
		`{"and":[2,1]}`:                         {1.0, lastValue},
		`{"and":["a","b"]}`:                     {"b", lastValue},
		`{"or":[false,0]}`:                      {0.0, lastValue},
		`{"==":[1,true]}`:                       {true, noPanic},
		`{"==":[0,"x"]}`:                        {false, javaScript + "; in the library any text that is not a number equals 0"},
		`{"==":["",0]}`:                         {true, javaScript},
		`{"==":[[1],[1]]}`:                      {false, noPanic},
		`{"<=":[null,0]}`:                       {true, javaScript + ": null counts as 0"},
		`{"<=":[1,true]}`:                       {true, noPanic},
		`{"<":[" 1",2]}`:                        {true, javaScript + ": blanks around a number do not matter"},
		`{"missing":["empty"]}`:                 {[]any{"empty"}, emptyText},
		`{"missing_some":[1,["empty"]]}`:        {[]any{"empty"}, emptyText},
		`{"substr":["abc",5]}`:                  {"", javaScript + "; the library returns the whole text"},
		`{"cat":[" a "]}`:                       {" a ", "the library trims the result"},
		`{"cat":[true]}`:                        {"true", noPanic},
		`{"/":[1,0]}`:                           {nil, notJSON},
		`{"%":[1,0]}`:                           {nil, notJSON},
		`{"+":["x",1]}`:                         {nil, "the sum is not a number, so null; the library counts the text as 0"},
		`{"+":[null,1]}`:                        {1.0, noPanic},
		`{"+":[true,1]}`:                        {2.0, noPanic},
		`{"-":[null,1]}`:                        {-1.0, noPanic},
		`{"-":[1,2,3]}`:                         {-1.0, twoOnly},
		`{"/":[8,2,2]}`:                         {4.0, twoOnly},
		`{"in":[1,"1"]}`:                        {false, "a number is not part of a text; the library panics"},
		`{"in":[2,[[1,3]]]}`:                    {false, "in the library a list within the list is a range"},
		`{"map":[[1,2],{"==":[{"var":""},1]}]}`: {[]any{true, false}, "the library drops false results"},
		`{"map":[{"var":"list"},{"var":"n"}]}`:  {[]any{nil, nil}, itemOnly},
		`{"reduce":[[1],{"+":[{"var":"current"},1]},null]}`: {2.0, noPanic},
		`{"some":[[1],true]}`:                               {true, "a condition may be a constant; the library panics"},
		`{"?:":[1,"a","b"]}`:                                {"a", noPanic},
		`{"log":"x"}`:                                       {"x", "log returns its argument, as in the reference"},
	} {
		var parsed any
		if err := json.Unmarshal([]byte(rule), &parsed); err != nil {
			t.Fatal(err)
		}
		got := evaluateOurs(t, parsed, data)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s = %#v, want %#v: %s", rule, got, c.want, c.reason)
		}
		if theirs, failed := evaluateTheirs(parsed, data); failed == nil && reflect.DeepEqual(theirs, got) {
			t.Errorf("%s = %#v by the library as well: it is no longer a difference", rule, theirs)
		}
	}
}

func ruleData(t *rapid.T) map[string]any {
	numbers := make([]any, rapid.IntRange(0, 4).Draw(t, "length"))
	words := make([]any, rapid.IntRange(0, 3).Draw(t, "words"))
	for i := range numbers {
		numbers[i] = ruleNumber(t)
	}
	for i := range words {
		words[i] = ruleText(t)
	}
	return map[string]any{
		"n": ruleNumber(t), "s": ruleText(t), "b": rapid.Bool().Draw(t, "b"), "numbers": numbers, "words": words,
		"nested": map[string]any{"n": ruleNumber(t), "s": ruleText(t)},
	}
}

func ruleNumber(t *rapid.T) any { return float64(rapid.IntRange(-8, 8).Draw(t, "number")) / 2 }

func ruleText(t *rapid.T) any { return rapid.StringMatching(`[a-c]{1,4}`).Draw(t, "text") }

// ruleGenerator makes rules whose operators get arguments of the types that they
// are for; item is set inside of an operator on lists of numbers.
type ruleGenerator struct {
	t     *rapid.T
	depth int
	item  bool
	fresh bool // nothing has been made of this item's rule yet
}

func (g ruleGenerator) deeper() ruleGenerator {
	g.depth--
	g.fresh = false
	return g
}

// pick makes a leaf or an operation; what is evaluated for each item is an
// operation at least once, as the library takes no other condition.
func (g ruleGenerator) pick(leaves, operations []func() any) any {
	if g.fresh {
		return rapid.SampledFrom(operations).Draw(g.t, "operation")()
	}
	if g.depth <= 0 {
		return rapid.SampledFrom(leaves).Draw(g.t, "leaf")()
	}
	return rapid.SampledFrom(append(leaves, operations...)).Draw(g.t, "operation")()
}

func op(name string, args ...any) any { return map[string]any{name: args} }

func (g ruleGenerator) oneOf(names ...string) string {
	return rapid.SampledFrom(names).Draw(g.t, "operator")
}

// several makes one to three arguments.
func (g ruleGenerator) several(arg func() any) []any {
	args := make([]any, rapid.IntRange(1, 3).Draw(g.t, "arguments"))
	for i := range args {
		args[i] = arg()
	}
	return args
}

func (g ruleGenerator) boolean() any {
	d := g.deeper()
	leaves := []func() any{func() any { return rapid.Bool().Draw(g.t, "boolean") }}
	if !g.item {
		leaves = append(leaves, func() any { return op("var", "b") })
	}
	operations := []func() any{
		func() any { return op(g.oneOf("==", "!=", "===", "!==", "<", "<=", ">", ">="), d.number(), d.number()) },
		func() any { return op(g.oneOf("==", "!=", "===", "!==", "<", "<=", ">", ">="), d.text(), d.text()) },
		func() any { return op(g.oneOf("<", "<="), d.number(), d.number(), d.number()) },
		func() any { return op(g.oneOf("and", "or"), d.several(d.boolean)...) },
		func() any { return op(g.oneOf("!", "!!"), g.oneArgument(d)) },
		func() any { return op("in", d.text(), d.text()) },
		func() any { return op("in", d.number(), d.numbers()) },
		func() any { return op("if", d.boolean(), d.boolean(), d.boolean()) },
	}
	if !g.item {
		operations = append(operations,
			func() any { return op(g.oneOf("all", "some", "none"), d.numbers(), d.withItem().boolean()) })
	}
	return g.pick(leaves, operations)
}

func (g ruleGenerator) oneArgument(d ruleGenerator) any {
	return rapid.SampledFrom([]func() any{d.boolean, d.number, d.text}).Draw(g.t, "argument")()
}

func (g ruleGenerator) withItem() ruleGenerator {
	g.item, g.fresh = true, true
	return g
}

func (g ruleGenerator) number() any {
	d := g.deeper()
	leaves := []func() any{func() any { return ruleNumber(g.t) }}
	if g.item {
		leaves = append(leaves, func() any { return map[string]any{"var": ""} })
	} else {
		leaves = append(leaves, func() any { return op("var", g.oneOf("n", "nested.n")) },
			func() any { return op("var", "gone", ruleNumber(g.t)) })
	}
	operations := []func() any{
		func() any { return op(g.oneOf("+", "*", "min", "max"), d.several(d.number)...) },
		func() any { return op("-", d.number(), d.number()) },
		func() any { return op(g.oneOf("/", "%"), d.number(), 4.0) },
		func() any { return op("if", d.boolean(), d.number(), d.number()) },
	}
	if !g.item {
		operations = append(operations, func() any {
			sum := op(g.oneOf("+", "*", "max"), op("var", "current"), op("var", "accumulator"))
			return op("reduce", d.numbers(), sum, ruleNumber(g.t))
		})
	}
	return g.pick(leaves, operations)
}

func (g ruleGenerator) text() any {
	d := g.deeper()
	leaves := []func() any{func() any { return ruleText(g.t) }}
	if !g.item {
		leaves = append(leaves, func() any { return op("var", g.oneOf("s", "nested.s")) })
	}
	return g.pick(leaves, []func() any{
		func() any { return op("cat", d.several(d.text)...) },
		func() any { return op("if", d.boolean(), d.text(), d.boolean(), d.text(), d.text()) },
		func() any {
			return op("substr", op("cat", "abc", d.text()), float64(rapid.IntRange(-3, 3).Draw(g.t, "from")))
		},
	})
}

func (g ruleGenerator) numbers() any {
	literal := func() any { return []any{ruleNumber(g.t), ruleNumber(g.t)} }
	if g.item {
		return literal()
	}
	d := g.deeper()
	leaves := []func() any{literal, func() any { return op("var", "numbers") }}
	return g.pick(leaves, []func() any{
		func() any { return op("merge", d.numbers(), d.numbers()) },
		func() any { return op("map", d.numbers(), d.withItem().number()) },
		func() any { return op("filter", d.numbers(), d.withItem().boolean()) },
	})
}
