package limit

import "cutover/internal/millis"

// State is a limiter's state for metrics and for /api/v1/status.
type State struct {
	// Mode is "local" (this sidecar has the limits to itself), "fleet" (shared
	// through Redis) or "away" (shared, but Redis is unavailable and this
	// sidecar keeps to its share).
	Mode   string `json:"mode"`
	Reason string `json:"reason,omitempty"` // why Mode is "away"
	// Fleet is how many sidecars share the limits; 0: unknown.
	Fleet       int               `json:"fleet,omitempty"`
	RPM         int               `json:"rpm"`              // requests per minute as configured; 0: none
	TPM         int               `json:"tpm"`              // tokens per minute as configured; 0: none
	Concurrency int               `json:"concurrency"`      // calls in flight as configured; 0: none
	ShareRPM    int               `json:"share_rpm"`        // requests per minute that this sidecar enforces by itself; 0: none
	ShareTPM    int               `json:"share_tpm"`        // tokens per minute, likewise
	InFlight    int               `json:"in_flight"`        // calls now
	Waiting     int               `json:"waiting"`          // calls that wait for capacity now
	Waited      uint64            `json:"waited"`           // total calls that had to wait
	Refused     map[string]uint64 `json:"refused"`          // total calls refused, by limit
	Paused      []ModelPause      `json:"paused,omitempty"` // models that the provider told us to leave alone for a while
}

// ModelPause is a model that the provider's own limits hold back.
type ModelPause struct {
	Model string          `json:"model"`  // its name at the provider
	For   millis.Duration `json:"for_ms"` // how much longer
}

// State is a snapshot, cheap enough to be taken every second.
func (l *Limiter) State() State {
	if l == nil {
		return State{Mode: "local"}
	}
	s := State{
		Mode: "local", RPM: l.limits.RPM, TPM: l.limits.TPM, Concurrency: l.limits.Concurrency,
		ShareRPM: l.limits.RPM, ShareTPM: l.limits.TPM,
		InFlight: l.slots.inUse(), Waiting: int(l.queue.length.Load()), Waited: l.waited.Load(),
		Refused: make(map[string]uint64, kinds),
	}
	for k := Requests; k < kinds; k++ {
		s.Refused[k.String()] = l.refused[k].Load()
	}
	if m := l.fleet; m != nil {
		s.Mode, s.Fleet = "fleet", int(m.members.Load())
		if !m.connected.Load() {
			s.Mode, s.Reason = "away", *m.reason.Load()
			share := m.share(l.limits)
			s.ShareRPM, s.ShareTPM = share.RPM, share.TPM
		}
	}
	now := l.now()
	for model, p := range l.providers.All() {
		if wait := p.waitTime(now, 0); wait > 0 {
			s.Paused = append(s.Paused, ModelPause{model, millis.Duration(wait)})
		}
	}
	return s
}
