package main

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Size is a number of bytes.
type Size int64

var sizeUnits = [...]struct {
	suffix string
	bytes  int64
}{
	// Longest first within a family, so that "MiB" is not read as "B".
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
	// ParseFloat alone would take "inf", "0x1p4" and "1e9" too.
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
		return 0, fmt.Errorf("a unit is missing: expected a duration such as %ss, %sms or 1m30s", text, text)
	}
	return 0, errors.New("expected a duration such as 500ms, 10s or 1m30s")
}

// formatDuration drops the zero minutes and seconds that time.Duration writes.
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

// RedisURL is where Redis is: a URL without a password, or a reference to the
// whole URL when it has one.
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

// String is the URL without its password, for logs.
func (r RedisURL) String() string {
	if !r.Ref.IsSet() {
		return r.Plain
	}
	if u, err := url.Parse(r.Ref.Reveal()); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + u.Path
	}
	return r.Ref.String()
}

// checkRedisURL says what is wrong with a Redis URL, without repeating it: it
// may hold a password.
func checkRedisURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return errors.New("not a URL: expected redis://host:6379/0")
	case u.Scheme != "redis" && u.Scheme != "rediss" && u.Scheme != "unix":
		return errors.New("expected a URL that begins with redis://, rediss:// (TLS) or unix:// (socket)")
	case u.Scheme != "unix" && u.Hostname() == "":
		return errors.New("the host is missing: expected redis://host:6379/0")
	case u.Scheme == "unix" && u.Path == "":
		return errors.New("the socket's path is missing: expected unix:///run/redis.sock")
	}
	return nil
}

// hasPassword reports whether a URL carries one; when it can't be read as a
// URL, it might.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return strings.Contains(text, "@")
	}
	_, has := u.User.Password()
	return has || u.Query().Has("password")
}
