package compare

import (
	"fmt"
	"math"
	"strings"

	"cutover/compare/stats"
)

// Code is a code of findings with the path that it is about, if any.
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

// CodeTally counts the findings of one code.
type CodeTally struct {
	Relay   uint64 `json:"relay"`          // pairs where it is the relay's
	Primary uint64 `json:"primary"`        // pairs where it is the primary's
	Pair    uint64 `json:"pair,omitempty"` // pairs where it is about both
	// BurstRelay and BurstPrimary are those failed calls among them that came
	// in bursts, and are no evidence.
	BurstRelay   uint64 `json:"burst_relay,omitempty"`
	BurstPrimary uint64 `json:"burst_primary,omitempty"`
	// Example is the id of a pair with it: one of which a sample was kept before
	// others, the relay's before the primary's, the latest before older ones.
	Example string `json:"example"`
	// Worth is how good the example is, for merging.
	Worth int `json:"worth,omitempty"`
}

func (t *CodeTally) add(f *Finding, r *Result) {
	switch f.Arm {
	case armRelay:
		t.Relay++
	case armPrimary:
		t.Primary++
	default:
		t.Pair++
	}
	if r.Burst && strings.HasPrefix(f.Code, codeOutcome) {
		switch f.Arm {
		case armRelay:
			t.BurstRelay++
		case armPrimary:
			t.BurstPrimary++
		}
	}
	worth := 0
	if f.Arm != armPrimary {
		worth++
	}
	if r.Sampled {
		worth += 2
	}
	t.example(r.ID, worth)
}

// example keeps the greater of two examples, so that order does not matter.
func (t *CodeTally) example(id string, worth int) {
	if worth > t.Worth || worth == t.Worth && id > t.Example {
		t.Example, t.Worth = id, worth
	}
}

func (t *CodeTally) merge(o CodeTally) {
	t.Relay += o.Relay
	t.Primary += o.Primary
	t.Pair += o.Pair
	t.BurstRelay += o.BurstRelay
	t.BurstPrimary += o.BurstPrimary
	t.example(o.Example, o.Worth)
}

// N is how many pairs have it.
func (t CodeTally) N() uint64 { return t.Relay + t.Primary + t.Pair }

// LogE is the logarithm of the evidence that the relay has it more often than
// the primary.
func (t CodeTally) LogE() float64 {
	return stats.Discordance{Minus: t.Primary - t.BurstPrimary, Plus: t.Relay - t.BurstRelay}.LogEHarm(0)
}

// codesTested is the number of codes for which the bar of evidence allows: all
// may be looked at together without raising the rate of false alarms.
const codesTested = 64

// Raised reports whether the evidence is enough to say that the relay has it
// more often than the primary, all codes together wrong with probability alpha.
func (t CodeTally) Raised(alpha float64) bool {
	return t.LogE() >= math.Log(codesTested/alpha)
}

// The bounds of what a Tally counts apart: what lies beyond is counted together,
// so that callers who make names up can't fill memory.
const (
	maxCodes  = 500
	maxGroups = 300
)

// otherCode takes the codes beyond maxCodes.
var otherCode = Code{Code: "other"}
