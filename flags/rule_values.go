package flags

import (
	"math"
	"strconv"
	"strings"
)

// JsonLogic compares and converts as JavaScript does.

// truthy is as in JavaScript, except that an empty list is false.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case float64:
		return v != 0 && !math.IsNaN(v)
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	}
	return true
}

// toNumber converts to a number; NaN for what is not one.
func toNumber(v any) float64 {
	switch v := v.(type) {
	case nil:
		return 0
	case bool:
		if v {
			return 1
		}
		return 0
	case float64:
		return v
	case string:
		s := strings.TrimSpace(v)
		if s == "" {
			return 0
		}
		if f, err := strconv.ParseFloat(s, 64); err == nil {
			return f
		}
	case []any:
		return toNumber(toText(v))
	}
	return math.NaN()
}

// toText converts to a string.
func toText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return formatNumber(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = toText(item)
		}
		return strings.Join(parts, ",")
	}
	return ""
}

// strictEqual is ===.
func strictEqual(a, b any) bool {
	if isComposite(a) || isComposite(b) {
		return false
	}
	return a == b
}

// looseEqual is ==.
func looseEqual(a, b any) bool {
	switch {
	case a == nil || b == nil:
		return a == nil && b == nil
	case kindOf(a) == kindOf(b) && !isComposite(a):
		return a == b
	}
	_, object := a.(map[string]any)
	_, other := b.(map[string]any)
	if object || other || isComposite(a) && isComposite(b) {
		return false
	}
	if as, ok := a.([]any); ok && kindOf(b) == kindString {
		return toText(as) == b
	}
	if bs, ok := b.([]any); ok && kindOf(a) == kindString {
		return toText(bs) == a
	}
	return toNumber(a) == toNumber(b)
}

func less(a, b any) bool {
	as, aok := a.(string)
	bs, bok := b.(string)
	if aok && bok {
		return as < bs
	}
	return toNumber(a) < toNumber(b)
}

func lessOrEqual(a, b any) bool {
	as, aok := a.(string)
	bs, bok := b.(string)
	if aok && bok {
		return as <= bs
	}
	return toNumber(a) <= toNumber(b)
}
