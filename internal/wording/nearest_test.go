package wording

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"base_url", "protocol", "auth", "models", "prices", "relay-percentage"}
	for typed, want := range map[string]string{
		"base_ulr": "base_url", "baseurl": "base_url", "BASE_URL": "base_url", "base-url": "base_url",
		"protcol": "protocol", "modles": "models", "price": "prices", "relay_percentage": "relay-percentage",
		"": "", "x": "", "something": "", "utah": "auth",
		strings.Repeat("a", 500): "",
	} {
		if got := Nearest(typed, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", typed, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
