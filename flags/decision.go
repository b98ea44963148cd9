package flags

import (
	"fmt"
	"slices"
)

// Attributes describe a request to the flags. Rules see them as targetingKey,
// model, endpoint, tenant and stream.
type Attributes struct {
	TargetingKey string // who is asking; never leaves the process
	Model        string // as the caller names it
	Endpoint     string // "chat/completions", "messages", ...
	Tenant       string
	Stream       bool
}

// Decision is what the flags allow for one request. It is a plain value.
type Decision struct {
	Version      uint64 // of the snapshot that decided; 0: no store has counted yet
	RelayEnabled bool   // false: nothing may go to the relay
	ServeRelay   bool   // the caller's answer comes from the relay
	Shadow       bool   // mirror to the provider that does not serve
	Noise        bool   // of mirrored requests: call the primary twice
	Fallback     bool   // a failing relay is hidden
	// ReferenceRelay says that the relay is the reference, which fallback goes to
	// and comparisons are made against. Always false while the relay is disabled.
	ReferenceRelay bool
	Reasons        Reasons
}

// Reasons holds why each flag had its value, indexed by Flag.
type Reasons [flagCount]Reason

// Reason is why a flag had its value, in OpenFeature's terms.
type Reason uint8

// The reasons. Default is the built-in value, Static a stored one,
// TargetingMatch one that a rule chose. Stale stands for any of them while the
// source can't be trusted; Error means that the built-in default rules because
// evaluation failed.
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
		return fmt.Errorf("%q is no reason", brief(string(b)))
	}
	*r = Reason(i)
	return nil
}

// Decide says what the flags allow for one request. It reads one snapshot, does
// no input or output, takes no lock and can't fail. Safe for concurrent use.
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

// decide is what the flags say.
func (s *Set) decide(a Attributes) Decision {
	snap := s.current.Load()
	if !snap.targeted && !s.hooked {
		return snap.plain.decide(snap.version, a.TargetingKey)
	}
	return s.decideBySDK(snap, a)
}

// effective are the values of the six flags for one request.
type effective struct {
	relayEnabled   bool
	relay          uint32 // thresholds, in buckets
	shadow         uint32
	noise          uint32
	fallback       bool
	referenceRelay bool
	reasons        Reasons
}

// decide draws the lots. What the kill switch forbids is forbidden here, once,
// so that no reader of a Decision has to remember it.
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
