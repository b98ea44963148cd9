package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"cutover/flags"
	"cutover/upstream"
)

// Size is a number of bytes.
type Size int64

var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	// Longer suffixes first, so that "MiB" is not read as "B".
	{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30},
	{"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9}, {"b", 1},
}

// parseSize reads "8MiB", "256KB", "1.5GiB" or plain bytes.
func parseSize(text string) (Size, error) {
	bad := errors.New(`expected a size such as 8MiB, 256KB or 1048576`)
	num, unit := strings.ToLower(strings.TrimSpace(text)), int64(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(num, u.suffix); ok {
			num, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	if n, err := strconv.ParseInt(num, 10, 64); err == nil {
		if n < 0 {
			return 0, errors.New("a size can't be negative")
		}
		if n > math.MaxInt64/unit {
			return 0, errors.New("too large")
		}
		return Size(n * unit), nil
	}
	// ParseFloat alone would also accept "inf", "0x1p4" and "1e9".
	if strings.Trim(num, "0123456789.") != "" || unit == 1 {
		return 0, bad
	}
	f, err := strconv.ParseFloat(num, 64)
	if err != nil {
		return 0, bad
	}
	if f *= float64(unit); f >= math.MaxInt64 {
		return 0, errors.New("too large")
	}
	return Size(f), nil
}

// String writes the size with the largest binary unit that divides it.
func (s Size) String() string {
	for _, u := range []struct {
		suffix string
		bytes  Size
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if s >= u.bytes && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func parseDuration(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err == nil {
		if d < 0 {
			return 0, errors.New("a duration can't be negative")
		}
		return d, nil
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return 0, fmt.Errorf("the unit is missing: expected a duration such as %ss, %sms or 1m30s", text, text)
	}
	return 0, errors.New("expected a duration such as 500ms, 10s or 1m30s")
}

// formatDuration omits the zero minutes and seconds that time.Duration writes.
func formatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-len("0s")]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-len("0m")]
	}
	return s
}

func parseBool(text string) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, errors.New("expected true or false")
}

func parseInt(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0, errors.New("expected a whole number")
	}
	return n, nil
}

func parseFloat(text string) (float64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errors.New("expected a number")
	}
	return f, nil
}

// Status is an HTTP status from 400 up, or a class of statuses: "429", "5xx".
type Status string

func parseStatus(text string) (Status, error) {
	text = strings.TrimSpace(text)
	if _, err := upstream.ParseStatuses(text); err != nil {
		return "", errors.New("expected a status from 400 to 599 such as 429, or one of 4xx and 5xx")
	}
	return Status(strings.ToLower(text)), nil
}

// HedgeDelay is how long the relay may be silent before the reference is called as
// well: a duration, or a percentile of the relay's own latency. If neither is set,
// there is no hedging.
type HedgeDelay struct {
	Fixed      time.Duration
	Percentile float64 // 50 to 99.9
}

func parseHedgeDelay(text string) (d HedgeDelay, err error) {
	text = strings.TrimSpace(text)
	if number, ok := strings.CutPrefix(strings.ToLower(text), "p"); ok {
		d.Percentile, err = parseFloat(number)
		if err != nil || strings.Trim(number, "0123456789.") != "" || d.Percentile < 50 || d.Percentile > 99.9 {
			return HedgeDelay{}, errors.New("expected a percentile from p50 to p99.9, such as p95")
		}
		return d, nil
	}
	switch d.Fixed, err = parseDuration(text); {
	case err != nil && strings.HasPrefix(text, "-"):
		return HedgeDelay{}, err
	case err != nil:
		return HedgeDelay{}, fmt.Errorf("%w, or a percentile of the relay's own latency such as p95", err)
	}
	return d, nil
}

// String writes the delay in the format of the configuration file.
func (d HedgeDelay) String() string {
	if d.Percentile > 0 {
		return "p" + strconv.FormatFloat(d.Percentile, 'f', -1, 64)
	}
	return formatDuration(d.Fixed)
}

// RedisURL is the URL of Redis: in plain text if it has no password, otherwise as a
// reference.
type RedisURL struct {
	Plain string // redis://host:6379/0
	Ref   Secret
}

// IsSet reports whether a Redis is configured.
func (r RedisURL) IsSet() bool { return r.Plain != "" || r.Ref.IsSet() }

// Reveal returns the URL, with its password if it has one.
func (r RedisURL) Reveal() string {
	if r.Ref.IsSet() {
		return r.Ref.Reveal()
	}
	return r.Plain
}

// String is the URL without user and password, for logs.
func (r RedisURL) String() string {
	if !r.Ref.IsSet() {
		return r.Plain
	}
	scheme, rest, ok := strings.Cut(r.Ref.Reveal(), "://")
	if !ok {
		return r.Ref.String()
	}
	rest, _, _ = strings.Cut(rest[strings.LastIndexByte(rest, '@')+1:], "?")
	return scheme + "://" + rest
}

// CheckRedisURL returns what is wrong with a Redis URL, without repeating a
// password.
func CheckRedisURL(text string) error {
	store, err := flags.OpenRedisStore(flags.RedisOptions{URL: text})
	switch {
	case err == nil:
		return store.Close() // it has not connected yet
	case hasPassword(text):
		return errors.New("not a valid Redis URL: expected redis://[user:password@]host:port[/db], " +
			"redis-sentinel://...host:port,host:port/master or redis-cluster://...host:port,host:port (rediss for TLS), " +
			"with special characters in the user name and password percent-encoded")
	}
	return errors.New(strings.TrimPrefix(err.Error(), "redis URL: "))
}

// hasPassword reports whether a Redis URL contains a password, or might.
func hasPassword(text string) bool {
	_, rest, ok := strings.Cut(text, "://")
	if !ok {
		return strings.Contains(text, "@")
	}
	at := strings.LastIndexByte(rest, '@')
	return at >= 0 && strings.Contains(rest[:at], ":") || strings.Contains(text, "password=")
}
