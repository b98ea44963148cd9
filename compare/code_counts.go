package compare

import (
	"fmt"
	"math"
	"strings"

	"cutover/compare/stats"
)

// Code is the code of a finding and the path that it is about, if any.
type Code struct {
	Code, Path string
}

// MarshalText writes "code" or "code path".
func (c Code) MarshalText() ([]byte, error) {
	return []byte(strings.TrimSuffix(c.Code+" "+c.Path, " ")), nil
}

// UnmarshalText reads what MarshalText wrote.
func (c *Code) UnmarshalText(b []byte) error {
	c.Code, c.Path, _ = strings.Cut(string(b), " ")
	if c.Code == "" {
		return fmt.Errorf("a finding without a code: %q", b)
	}
	return nil
}

// CodeCounts counts the findings of one code.
type CodeCounts struct {
	Relay   uint64 `json:"relay"`          // pairs where it is the relay's
	Primary uint64 `json:"primary"`        // pairs where it is the primary's
	Pair    uint64 `json:"pair,omitempty"` // pairs where it is about neither side alone
	// BurstRelay and BurstPrimary are the failed calls among them that came in
	// bursts, and are no evidence.
	BurstRelay   uint64 `json:"burst_relay,omitempty"`
	BurstPrimary uint64 `json:"burst_primary,omitempty"`
	// Example is the id of a pair with it. A pair with a sample is preferred,
	// then one where it is the relay's, then the latest.
	Example string `json:"example"`
	// Rank is the example's rank by that preference, for merging.
	Rank int `json:"rank,omitempty"`
}

func (c *CodeCounts) add(f *Finding, r *Result) {
	switch f.Arm {
	case armRelay:
		c.Relay++
	case armPrimary:
		c.Primary++
	default:
		c.Pair++
	}
	if r.Burst && strings.HasPrefix(f.Code, codeOutcome) {
		switch f.Arm {
		case armRelay:
			c.BurstRelay++
		case armPrimary:
			c.BurstPrimary++
		}
	}
	rank := 0
	if f.Arm != armPrimary {
		rank++
	}
	if r.Sampled {
		rank += 2
	}
	c.keepExample(r.ID, rank)
}

// keepExample keeps the example with the higher rank, then the greater id, so that
// order does not matter.
func (c *CodeCounts) keepExample(id string, rank int) {
	if rank > c.Rank || rank == c.Rank && id > c.Example {
		c.Example, c.Rank = id, rank
	}
}

func (c *CodeCounts) merge(o CodeCounts) {
	c.Relay += o.Relay
	c.Primary += o.Primary
	c.Pair += o.Pair
	c.BurstRelay += o.BurstRelay
	c.BurstPrimary += o.BurstPrimary
	c.keepExample(o.Example, o.Rank)
}

// N is how many pairs have it.
func (c CodeCounts) N() uint64 { return c.Relay + c.Primary + c.Pair }

// LogE is the logarithm of the evidence that the relay has it more often than
// the primary.
func (c CodeCounts) LogE() float64 {
	return stats.Discordance{Minus: c.Primary - c.BurstPrimary, Plus: c.Relay - c.BurstRelay}.LogEHarm(0)
}

// codesTested is the number of codes that may be tested together without raising
// the rate of false alarms (Bonferroni's correction).
const codesTested = 64

// Significant reports whether the relay has it more often than the primary. Over
// all codes together that is wrong with probability at most alpha.
func (c CodeCounts) Significant(alpha float64) bool {
	return c.LogE() >= math.Log(codesTested/alpha)
}

// The bounds of what is counted separately. Anything beyond is counted as
// "other", so that callers who invent names can't fill memory.
const (
	maxCodes  = 500
	maxGroups = 300
)

// otherCode takes the codes beyond maxCodes.
var otherCode = Code{Code: "other"}
