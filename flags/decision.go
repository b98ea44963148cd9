package flags

import (
	"fmt"
	"slices"
)

// Attributes describe a request to the flags. Rules see them as targetingKey,
// model, endpoint, tenant and stream.
type Attributes struct {
	TargetingKey string // identifies the caller; never leaves the process
	Model        string // as requested by the caller
	Endpoint     string // "chat/completions", "messages", ...
	Tenant       string
	Stream       bool
}

// Decision is what the flags allow for one request. It is a plain value.
type Decision struct {
	Version      uint64 `json:"version"`       // of the snapshot that decided; 0: nothing has been written yet
	RelayEnabled bool   `json:"relay_enabled"` // false: nothing may go to the relay
	ServeRelay   bool   `json:"serve_relay"`   // the relay serves the caller
	Shadow       bool   `json:"shadow"`        // mirror to the provider that does not serve
	Noise        bool   `json:"noise"`         // mirror to the primary twice; only with Shadow
	Fallback     bool   `json:"fallback"`      // the primary steps in when the relay fails
	// ReferenceRelay makes the relay the reference, which fallback goes to and
	// comparisons are made against. Always false while the relay is disabled.
	ReferenceRelay bool    `json:"reference_relay"`
	Reasons        Reasons `json:"-"` // Explanation.Steps has them by flag
}

// Reasons holds why each flag had its value, indexed by Flag.
type Reasons [flagCount]Reason

// Reason is why a flag had its value, in OpenFeature's terms.
type Reason uint8

// The reasons. Default is the built-in value, Static a stored one,
// TargetingMatch one that a rule chose. Stale replaces any of them while the
// source can't be trusted. Error means that evaluation failed and the flag has the
// value that it would have without its rule.
const (
	ReasonDefault Reason = iota
	ReasonStatic
	ReasonTargetingMatch
	ReasonDisabled
	ReasonStale
	ReasonError
)

// reasonWords is read only.
var reasonWords = [...]string{"DEFAULT", "STATIC", "TARGETING_MATCH", "DISABLED", "STALE", "ERROR"}

// String returns OpenFeature's word.
func (r Reason) String() string { return reasonWords[r] }

// MarshalText returns OpenFeature's word, for JSON.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (r *Reason) UnmarshalText(b []byte) error {
	i := slices.Index(reasonWords[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a reason", shorten(string(b)))
	}
	*r = Reason(i)
	return nil
}

// Decide returns what the flags allow for one request. It reads one snapshot, does
// no I/O, takes no lock and can't fail. Safe for concurrent use.
func (s *Set) Decide(a Attributes) Decision {
	d := s.decide(a)
	if s.halt.Load() != nil {
		return d.withoutRelay()
	}
	return d
}

// withoutRelay is the decision with everything off that involves the relay.
func (d Decision) withoutRelay() Decision {
	d.RelayEnabled, d.ReferenceRelay, d.ServeRelay, d.Shadow, d.Noise = false, false, false, false, false
	return d
}

// decide evaluates the flags, without regard to a Halt.
func (s *Set) decide(a Attributes) Decision {
	snap := s.current.Load()
	if !snap.targeted && !s.hasHooks {
		return snap.static.decide(snap.version, a.TargetingKey)
	}
	return s.decideViaSDK(snap, a)
}

// effective holds the values of the six flags for one request.
type effective struct {
	relayEnabled   bool
	relay          uint32 // these three are thresholds in buckets
	shadow         uint32
	noise          uint32
	fallback       bool
	referenceRelay bool
	reasons        Reasons
}

// decide buckets the caller. The kill switch is applied here, once, so that no
// reader of a Decision has to remember it.
func (e *effective) decide(version uint64, targetingKey string) Decision {
	d := Decision{
		Version:      version,
		RelayEnabled: e.relayEnabled,
		Fallback:     e.fallback,
		Reasons:      e.reasons,
	}
	if !e.relayEnabled {
		return d
	}
	d.ReferenceRelay = e.referenceRelay
	d.ServeRelay = included(KeyRelayPercentage, targetingKey, e.relay)
	d.Shadow = included(KeyShadowPercentage, targetingKey, e.shadow)
	d.Noise = d.Shadow && included(KeyNoisePercentage, targetingKey, e.noise)
	return d
}

// set stores one evaluated value and the reason for it.
func (e *effective) set(id Flag, v any, why Reason) {
	e.reasons[id] = why
	definitions[id].set(e, v)
}
