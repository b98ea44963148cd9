package upstream

import (
	"context"
	"time"
)

// LimiterState is a limiter's state for metrics and for /api/v1/status.
type LimiterState struct {
	// Mode is "local" (the limits are this sidecar's alone), "fleet" (shared
	// through Redis) or "away" (shared, but Redis does not answer: this sidecar
	// keeps to its share by itself).
	Mode   string `json:"mode"`
	Reason string `json:"reason,omitempty"` // why Mode is "away"
	// Fleet is how many sidecars share the limits, as far as is known; 0: not known.
	Fleet       int               `json:"fleet,omitempty"`
	RPM         int               `json:"rpm"` // as configured; 0: none
	TPM         int               `json:"tpm"`
	Concurrency int               `json:"concurrency"`
	ShareRPM    int               `json:"share_rpm"` // what this sidecar keeps to on its own; 0: none
	ShareTPM    int               `json:"share_tpm"`
	InFlight    int               `json:"in_flight"`
	Waiting     int               `json:"waiting"`
	Waited      uint64            `json:"waited"`  // calls that had to wait, ever
	Refused     map[string]uint64 `json:"refused"` // calls refused, ever, by limit
	Paused      []ModelPause      `json:"paused,omitempty"`
}

// ModelPause is a model that the provider's own headers hold back.
type ModelPause struct {
	Model string        `json:"model"`
	For   time.Duration `json:"for_ns"` // from now
}

// State is the state of the moment. It is cheap enough to be asked each second.
func (l *Limiter) State() LimiterState {
	if l == nil {
		return LimiterState{Mode: "local"}
	}
	limits := l.o.Limits
	s := LimiterState{
		Mode: "local", RPM: limits.RPM, TPM: limits.TPM, Concurrency: limits.Concurrency,
		ShareRPM: limits.RPM, ShareTPM: limits.TPM,
		InFlight: l.calls.used(), Waiting: int(l.queue.n.Load()), Waited: l.waited.Load(),
		Refused: make(map[string]uint64, limitKinds),
	}
	for i := RequestLimit; i < limitKinds; i++ {
		s.Refused[i.String()] = l.refused[i].Load()
	}
	if f := l.fleet; f != nil {
		s.Mode, s.Fleet = "fleet", int(f.members.Load())
		if !f.on.Load() {
			s.Mode, s.Reason = "away", *f.reason.Load()
			share := f.share(limits)
			s.ShareRPM, s.ShareTPM = share.RPM, share.TPM
		}
	}
	now := l.now()
	l.learnt.each(func(model string, t *learnt) {
		if after := t.holds(now, 0); after > 0 {
			s.Paused = append(s.Paused, ModelPause{model, after})
		}
	})
	return s
}

// Run keeps the fleet's share of the limits until ctx is done. Without a Fleet
// it only waits. Call it once; calls made before it runs keep to the whole
// limit, without its burst.
func (l *Limiter) Run(ctx context.Context) error {
	if l == nil || l.fleet == nil {
		<-ctx.Done()
		return nil
	}
	return l.fleet.run(ctx, l)
}
