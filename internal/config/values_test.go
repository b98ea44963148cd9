package config

import "testing"

func TestSizesAndDurations(t *testing.T) {
	for text, want := range map[string]Size{
		"0": 0, "1": 1, "512b": 512, "256KB": 256000, "8MiB": 8 << 20, "1.5GiB": 3 << 29, " 2 kib ": 2048, "1GB": 1e9,
		"9223372036854775807": 1<<63 - 1,
	} {
		if got, err := parseSize(text); err != nil || got != want {
			t.Errorf("parseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5", "1e3", "0x10KB", "infMiB", "nanMiB", "1..2MiB", "99999999999GiB", "9e18KB",
		"1 2MiB", "8MiBx", "9223372036854775808"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
	for text, want := range map[string]string{"90s": "1m30s", "2h": "2h", "0": "0s", "60s": "1m", "1h0m5s": "1h0m5s", "10ms": "10ms",
		"1h30m": "1h30m", "10m": "10m"} {
		if d, err := parseDuration(text); err != nil || formatDuration(d) != want {
			t.Errorf("parseDuration(%q) prints as %q, %v; want %q", text, formatDuration(d), err, want)
		}
	}
}
