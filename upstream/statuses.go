package upstream

import (
	"fmt"
	"strconv"
	"strings"
)

// Statuses is a set of HTTP statuses. A lookup costs one array access. The zero
// value is empty.
type Statuses [16]uint64

// defaultFallbackOn are the statuses that concern the provider rather than the
// request: its key, its account (402), its paths and models (404, 405, 410), its
// rate limits and size limits (413). Any provider would respond with 400 and 422.
func defaultFallbackOn() []string {
	return []string{"401", "402", "403", "404", "405", "408", "409", "410", "413", "429", "5xx"}
}

// ParseStatuses reads a list of statuses from 400 ("429") and classes ("4xx",
// "5xx"). Statuses above 599 count as 5xx (RFC 9110, section 15).
func ParseStatuses(words ...string) (s Statuses, err error) {
	for _, word := range words {
		from, to, ok := statusRange(strings.ToLower(strings.TrimSpace(word)))
		if !ok {
			const expected = "expected a status from 400 to 599 such as 429, or one of 4xx and 5xx"
			return Statuses{}, fmt.Errorf("found %.20q, "+expected, word)
		}
		for status := from; status <= to; status++ {
			s[status>>6] |= 1 << (status & 63)
		}
	}
	return s, nil
}

func statusRange(word string) (from, to int, ok bool) {
	switch word {
	case "4xx":
		return 400, 499, true
	case "5xx":
		return 500, len(Statuses{})*64 - 1, true
	}
	n, err := strconv.Atoi(word)
	return n, n, err == nil && len(word) == 3 && n >= 400 && n <= 599
}

// Has reports whether a status is in the set.
func (s *Statuses) Has(status int) bool {
	return uint(status) < uint(len(s)*64) && s[status>>6]&(1<<(status&63)) != 0
}

// FallsBackOn reports whether a response with this status should be replaced by
// another provider's.
func (u *Upstream) FallsBackOn(status int) bool { return u.fallbackOn.Has(status) }
