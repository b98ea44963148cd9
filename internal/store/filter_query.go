package store

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"cutover/compare"
)

// ParseFilter reads a filter from a URL's query; the error names the parameter.
func ParseFilter(q url.Values, now time.Time) (f Filter, err error) {
	f.Model, f.Endpoint, f.Code = q.Get("model"), q.Get("endpoint"), q.Get("code")
	if v := q.Get("since"); v != "" {
		if f.Since, err = ParseSince(v, now); err != nil {
			return f, fmt.Errorf("since: %w", err)
		}
	}
	if v := q.Get("severity"); v != "" {
		if f.Severity, err = compare.ParseSeverity(v); err != nil {
			return f, fmt.Errorf("severity: %w", err)
		}
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 {
			return f, fmt.Errorf("limit: %q is not a whole number above 0", v)
		}
	}
	return f, nil
}

// ParseSince reads a moment (RFC 3339) or a span before now ("24h", "7d").
func ParseSince(v string, now time.Time) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, v); err == nil {
		return t.UTC(), nil
	}
	d, err := time.ParseDuration(v)
	if days, ok := daysOf(v); ok {
		d, err = days, nil
	}
	if err != nil || d <= 0 {
		return time.Time{}, fmt.Errorf("%q is neither a span like 90m, 24h or 7d nor a moment like 2006-01-02T15:04:05Z", v)
	}
	return now.Add(-d).UTC(), nil
}

// daysOf reads "7d", which time.ParseDuration does not know.
func daysOf(v string) (time.Duration, bool) {
	if len(v) < 2 || v[len(v)-1] != 'd' {
		return 0, false
	}
	n, err := strconv.ParseFloat(v[:len(v)-1], 64)
	if err != nil || !(n > 0 && n < 36500) {
		return 0, false
	}
	return time.Duration(n * float64(24*time.Hour)), true
}

// Query is the reverse of ParseFilter.
func (f Filter) Query() url.Values {
	q := url.Values{}
	set := func(name, v string) {
		if v != "" {
			q.Set(name, v)
		}
	}
	set("model", f.Model)
	set("endpoint", f.Endpoint)
	set("code", f.Code)
	if f.Severity > 0 {
		q.Set("severity", f.Severity.String())
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}
