package millis

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestJSON(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want string
	}{
		{0, "0"},
		{time.Nanosecond, "0.000001"},
		{1500 * time.Microsecond, "1.5"},
		{time.Second, "1000"},
		{24 * time.Hour, "86400000"},
		{-time.Millisecond, "-1"},
	} {
		if got, err := json.Marshal(Duration(c.d)); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v; want %s", c.d, got, err, c.want)
		}
	}
}

// Whatever is written comes back to the nanosecond.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		d := Duration(rapid.Int64Range(-1<<53, 1<<53).Draw(rt, "ns"))
		text, err := json.Marshal(d)
		if err != nil {
			rt.Fatal(err)
		}
		var back Duration
		if err := json.Unmarshal(text, &back); err != nil || back != d {
			rt.Fatalf("%d ns as %s came back as %d ns, %v", d, text, back, err)
		}
	})
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, text := range []string{`"1s"`, `1e300`, `{}`, `true`} {
		var d Duration
		if err := json.Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%s was read as %s", text, d)
		}
	}
	d := Duration(7)
	if err := json.Unmarshal([]byte("null"), &d); err != nil || d != 7 {
		t.Errorf("null: %d, %v", d, err)
	}
}
