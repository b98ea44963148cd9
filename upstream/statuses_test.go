package upstream

import (
	"strings"
	"testing"
)

func TestStatuses(t *testing.T) {
	t.Parallel()
	s, err := ParseStatuses("400", " 429 ", "5XX")
	if err != nil {
		t.Fatal(err)
	}
	for status := -1; status < 2000; status++ {
		want := status == 400 || status == 429 || status >= 500 && status < 1024
		if got := s.Has(status); got != want {
			t.Errorf("Has(%d) = %v, want %v", status, got, want)
		}
	}
	all, err := ParseStatuses("4xx")
	if err != nil || !all.Has(400) || !all.Has(499) || all.Has(500) || all.Has(399) {
		t.Errorf("4xx = %v, %v", all, err)
	}
}

func TestStatusesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"", "200", "399", "600", "3xx", "2xx", "xx", "4x", "429.0", "+429", "0429", "-1", "any",
		strings.Repeat("9", 99)} {
		if s, err := ParseStatuses("429", word); err == nil || s != (Statuses{}) {
			t.Errorf("ParseStatuses(%q) = %v, %v; want an error", word, s, err)
		}
	}
	if _, err := New(Config{Name: "relay", BaseURL: "http://r/v1", FallbackOn: []string{"200"}}); err == nil ||
		!strings.Contains(err.Error(), "upstream relay: fallback_on: ") {
		t.Errorf("New = %v, want an error that names the key", err)
	}
}

func TestStatusesToFallBackOnByDefault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		on   []string
		want map[int]bool
	}{
		"nil": {nil, map[int]bool{401: true, 403: true, 404: true, 408: true, 409: true, 429: true, 500: true, 529: true, 402: true,
			405: true, 410: true, 413: true, 400: false, 415: false, 422: false, 200: false}},
		"empty":  {[]string{}, map[int]bool{401: false, 429: false, 500: false}},
		"listed": {[]string{"422"}, map[int]bool{422: true, 429: false, 500: false}},
	} {
		u, err := New(Config{Name: "u", BaseURL: "http://u/v1", FallbackOn: c.on})
		if err != nil {
			t.Fatal(err)
		}
		for status, want := range c.want {
			if got := u.FallsBackOn(status); got != want {
				t.Errorf("%s: FallsBackOn(%d) = %v, want %v", name, status, got, want)
			}
		}
	}
}
