package compare

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"strings"
)

// equalJSON reports whether two texts are the same JSON value: order of keys,
// white space and the way in which a number is written don't count. Texts that
// are no JSON are equal only to themselves.
func equalJSON(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := decodeJSON([]byte(a))
	y, errY := decodeJSON([]byte(b))
	return errX == nil && errY == nil && equalValue(x, y)
}

// decodeJSON reads exactly one JSON value, numbers kept as written. Empty text
// is an empty object: what providers send for a call without arguments.
func decodeJSON(text []byte) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return map[string]any{}, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return v, nil
}

// equalValue compares values that decodeJSON made.
func equalValue(a, b any) bool {
	switch x := a.(type) {
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k, v := range x {
			w, ok := y[k]
			if !ok || !equalValue(v, w) {
				return false
			}
		}
		return true
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !equalValue(x[i], y[i]) {
				return false
			}
		}
		return true
	case json.Number:
		y, ok := b.(json.Number)
		return ok && equalNumber(string(x), string(y))
	}
	return a == b
}

// equalNumber compares two JSON numbers by value: 1, 1.0 and 1e0 are the same.
func equalNumber(a, b string) bool {
	if a == b {
		return true
	}
	if unwieldy(a) || unwieldy(b) {
		x, okX := plainDecimal(a)
		y, okY := plainDecimal(b)
		return okX && okY && x == y
	}
	x, okX := new(big.Rat).SetString(a)
	y, okY := new(big.Rat).SetString(b)
	return okX && okY && x.Cmp(y) == 0
}

// longestNumber is how many bytes of a number are worth exact arithmetic, whose
// cost grows faster than the number.
const longestNumber = 400

// unwieldy reports whether exact arithmetic on a number would cost more than it
// is worth: an exponent of any size costs as much memory as the text asks for,
// and a million digits take seconds.
func unwieldy(n string) bool {
	i := strings.IndexAny(n, "eE")
	return len(n) > longestNumber || i >= 0 && len(strings.TrimLeft(n[i+1:], "+-")) > 3
}

// plainDecimal is a number without an exponent in the one form that all numbers
// of its value have: no zeros at either end that say nothing.
func plainDecimal(n string) (string, bool) {
	if strings.ContainsAny(n, "eE") {
		return "", false
	}
	if strings.Contains(n, ".") {
		n = strings.TrimRight(strings.TrimRight(n, "0"), ".")
	}
	if n == "-0" {
		n = "0"
	}
	return n, true
}
