package flags

import (
	"math"
	"slices"
	"strings"
)

// lazyOperation returns an operator that does not evaluate all of its arguments, or
// evaluates them several times; nil for any other.
func lazyOperation(name string, args []rule) rule {
	var f func(*evaluation, []rule) any
	switch name {
	case "if", "?:":
		f = evaluateIf
	case "and":
		f = func(e *evaluation, args []rule) any { return shortCircuit(e, args, false) }
	case "or":
		f = func(e *evaluation, args []rule) any { return shortCircuit(e, args, true) }
	case "map", "filter", "reduce", "all", "none", "some":
		f = arrayOperation(name)
	default:
		return nil
	}
	return func(e *evaluation) any {
		if !e.step() {
			return nil
		}
		return f(e, args)
	}
}

func evaluateIf(e *evaluation, args []rule) any {
	for len(args) >= 2 {
		if truthy(args[0](e)) {
			return args[1](e)
		}
		args = args[2:]
	}
	if len(args) == 1 {
		return args[0](e)
	}
	return nil
}

// shortCircuit returns the first argument with the wanted truth value, else the last.
func shortCircuit(e *evaluation, args []rule, want bool) any {
	var v any
	for _, a := range args {
		if v = a(e); truthy(v) == want {
			return v
		}
	}
	return v
}

// arrayOperation returns an operator that evaluates its second argument for each
// element of its first.
func arrayOperation(name string) func(*evaluation, []rule) any {
	return func(e *evaluation, args []rule) any {
		if len(args) < 2 {
			return nil
		}
		items, _ := args[0](e).([]any)
		if name == "reduce" {
			return reduce(e, args, items)
		}
		out := []any{}
		hits := 0
		for _, item := range items {
			if !e.step() {
				return nil
			}
			v := e.withItem(item, args[1])
			hit := truthy(v)
			switch {
			case name == "map":
				out = append(out, v)
			case name == "filter" && hit:
				out = append(out, item)
			}
			if hit {
				hits++
			}
		}
		switch name {
		case "all":
			return len(items) > 0 && hits == len(items)
		case "none":
			return hits == 0
		case "some":
			return hits > 0
		}
		return out
	}
}

func reduce(e *evaluation, args []rule, items []any) any {
	var sum any
	if len(args) > 2 {
		sum = args[2](e)
	}
	for _, item := range items {
		if !e.step() {
			return nil
		}
		sum = e.withItem(map[string]any{"current": item, "accumulator": sum}, args[1])
	}
	return sum
}

// withItem evaluates a rule with an item as its only data.
func (e *evaluation) withItem(item any, r rule) any {
	outer, inner := e.item, e.inItem
	e.item, e.inItem = item, true
	v := r(e)
	e.item, e.inItem = outer, inner
	return v
}

// eagerOperation returns an operator that takes the values of its arguments; nil for
// any other.
func eagerOperation(name string) func(*evaluation, []any) any {
	if f := comparison(name); f != nil {
		return f
	}
	if f := arithmetic(name); f != nil {
		return f
	}
	switch name {
	case "!":
		return func(_ *evaluation, a []any) any { return !truthy(arg(a, 0)) }
	case "!!":
		return func(_ *evaluation, a []any) any { return truthy(arg(a, 0)) }
	case "in":
		return func(_ *evaluation, a []any) any { return contains(arg(a, 0), arg(a, 1)) }
	case "cat":
		return func(_ *evaluation, a []any) any { return concatenate(a) }
	case "substr":
		return func(_ *evaluation, a []any) any { return substring(a) }
	case "merge":
		return func(_ *evaluation, a []any) any { return merge(a) }
	case "missing":
		return func(e *evaluation, a []any) any { return e.missing(a) }
	case "missing_some":
		return missingSome
	case "log":
		return func(_ *evaluation, a []any) any { return arg(a, 0) } // attributes must not be logged
	case "starts_with":
		return func(_ *evaluation, a []any) any { return hasAffix(a, strings.HasPrefix) }
	case "ends_with":
		return func(_ *evaluation, a []any) any { return hasAffix(a, strings.HasSuffix) }
	case "sem_ver":
		return func(_ *evaluation, a []any) any { return semanticVersion(a) }
	}
	return nil
}

func arg(a []any, i int) any {
	if i < len(a) {
		return a[i]
	}
	return nil
}

func comparison(name string) func(*evaluation, []any) any {
	ordered := func(ok func(a, b any) bool) func(*evaluation, []any) any {
		return func(_ *evaluation, a []any) any {
			return ok(arg(a, 0), arg(a, 1)) && (len(a) < 3 || ok(a[1], a[2]))
		}
	}
	switch name {
	case "==":
		return func(_ *evaluation, a []any) any { return looseEqual(arg(a, 0), arg(a, 1)) }
	case "!=":
		return func(_ *evaluation, a []any) any { return !looseEqual(arg(a, 0), arg(a, 1)) }
	case "===":
		return func(_ *evaluation, a []any) any { return strictEqual(arg(a, 0), arg(a, 1)) }
	case "!==":
		return func(_ *evaluation, a []any) any { return !strictEqual(arg(a, 0), arg(a, 1)) }
	case "<":
		return ordered(less)
	case ">":
		return ordered(func(a, b any) bool { return less(b, a) })
	case "<=":
		return ordered(lessOrEqual)
	case ">=":
		return ordered(func(a, b any) bool { return lessOrEqual(b, a) })
	}
	return nil
}

func arithmetic(name string) func(*evaluation, []any) any {
	fold := func(start float64, f func(x, y float64) float64) func(*evaluation, []any) any {
		return func(_ *evaluation, a []any) any {
			x := start
			for _, v := range a {
				x = f(x, toNumber(v))
			}
			return finite(x)
		}
	}
	pair := func(f func(x, y float64) float64) func(*evaluation, []any) any {
		return func(_ *evaluation, a []any) any { return finite(f(toNumber(arg(a, 0)), toNumber(arg(a, 1)))) }
	}
	switch name {
	case "+":
		return fold(0, func(x, y float64) float64 { return x + y })
	case "*":
		return fold(1, func(x, y float64) float64 { return x * y })
	case "min":
		return fold(math.Inf(1), math.Min)
	case "max":
		return fold(math.Inf(-1), math.Max)
	case "/":
		return pair(func(x, y float64) float64 { return x / y })
	case "%":
		return pair(math.Mod)
	case "-":
		return func(_ *evaluation, a []any) any {
			if len(a) == 1 {
				return finite(-toNumber(a[0]))
			}
			return finite(toNumber(arg(a, 0)) - toNumber(arg(a, 1)))
		}
	}
	return nil
}

// finite returns null for a number that JSON can't represent.
func finite(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return f
}

// contains is "in": an element of a list, or a substring.
func contains(v, in any) bool {
	switch in := in.(type) {
	case []any:
		return slices.ContainsFunc(in, func(item any) bool { return strictEqual(item, v) })
	case string:
		s, ok := v.(string)
		return ok && strings.Contains(in, s)
	}
	return false
}

func concatenate(a []any) string {
	var b strings.Builder
	for _, v := range a {
		b.WriteString(toText(v))
	}
	return b.String()
}

// substring is "substr". Negative start and length count from the end.
func substring(a []any) string {
	runes := []rune(toText(arg(a, 0)))
	from := clamp(toNumber(arg(a, 1)), len(runes))
	to := len(runes)
	if len(a) > 2 {
		switch n := toNumber(a[2]); {
		case n < 0:
			to = clamp(n, len(runes))
		default:
			to = from + int(math.Min(n, float64(len(runes)-from)))
		}
	}
	if from >= to {
		return ""
	}
	return string(runes[from:to])
}

// clamp converts an offset, which may be negative, to an index.
func clamp(f float64, n int) int {
	if math.IsNaN(f) {
		return 0
	}
	if f < 0 {
		f += float64(n)
	}
	return int(math.Max(0, math.Min(f, float64(n))))
}

func merge(a []any) []any {
	out := []any{}
	for _, v := range a {
		if list, ok := v.([]any); ok {
			out = append(out, list...)
		} else {
			out = append(out, v)
		}
	}
	return out
}

// missing returns the paths that have no value.
func (e *evaluation) missing(paths []any) []any {
	if len(paths) > 0 {
		if list, ok := paths[0].([]any); ok {
			paths = list
		}
	}
	out := []any{}
	for _, p := range paths {
		if v, ok := e.lookup(pathOf(p)); !ok || v == nil || v == "" {
			out = append(out, p)
		}
	}
	return out
}

func missingSome(e *evaluation, a []any) any {
	paths, _ := arg(a, 1).([]any)
	gone := e.missing(paths)
	if len(paths)-len(gone) >= int(toNumber(arg(a, 0))) {
		return []any{}
	}
	return gone
}
