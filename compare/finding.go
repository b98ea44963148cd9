package compare

import (
	"fmt"
	"strings"
)

// Severity orders findings by how much they should weigh with whoever decides
// on the cutover.
type Severity uint8

// The severities. Info is the zero value: worth knowing, no reason to stop.
const (
	Info     Severity = iota
	Minor             // a difference that callers will hardly notice
	Major             // a difference that callers will notice
	Critical          // callers' programs will break
)

var severityNames = [...]string{"info", "minor", "major", "critical"}

// String returns "info", "minor", "major" or "critical".
func (s Severity) String() string {
	if int(s) < len(severityNames) {
		return severityNames[s]
	}
	return "info"
}

// MarshalText writes the severity's name, for JSON.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a severity's name.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	*s = v
	return err
}

// ParseSeverity reads a severity's name; the error lists the names.
func ParseSeverity(name string) (Severity, error) {
	for i, n := range severityNames {
		if n == name {
			return Severity(i), nil
		}
	}
	return Info, fmt.Errorf("unknown severity %q: use one of %s", name, strings.Join(severityNames[:], ", "))
}

// Finding is one thing that a check noticed about a pair.
type Finding struct {
	Code     string   `json:"code"` // "outcome.error", "tools.arguments", ...
	Severity Severity `json:"severity"`
	// Arm is the side that the finding is about: "relay", "primary", or ""
	// when it is about the pair.
	Arm      string `json:"arm,omitempty"`
	Path     string `json:"path,omitempty"` // path in the answer, or the model, where the check has one
	Sentence string `json:"sentence"`       // for people; cutover's own words
}
