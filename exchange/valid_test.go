package exchange_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"cutover/exchange"
)

func TestValidJSON(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]bool{
		"": false, " ": false, "{}": true, " [1, 2.5e3, \"a\\u00e9\", true, null] \n": true, "{\"a\":{\"b\":[]}}": true,
		"{\"a\":1,}": false, "[1 2]": false, "{} {}": false, "01": false, "nul": false, "\"\n\"": false, "'a'": false,
		nested(512): true, nested(513): false,
		strings.Repeat("[", 8<<20): false, strings.Repeat(`{"a":`, 1<<20): false,
	} {
		if got := exchange.ValidJSON([]byte(text)); got != want {
			t.Errorf("%.40q (%d bytes): %v, want %v", text, len(text), got, want)
		}
	}
}

// FuzzValidJSON holds it against encoding/json, which accepts what it accepts, up
// to the depth.
func FuzzValidJSON(f *testing.F) {
	for _, seed := range []string{`{"a":[1,-0.5e+7,"\ud83d\ude00",null]}`, "[[[[]]]]", `{"a":}`, "1e", "\"\\x\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) > 512 {
			return
		}
		if got, want := exchange.ValidJSON(text), json.Valid(text); got != want {
			t.Errorf("%q: %v, encoding/json says %v", text, got, want)
		}
	})
}
