package flags

import (
	"context"
	"sync"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
)

// Provider is an OpenFeature provider over a Set, with events.
type Provider struct {
	evaluator
	owned  bool // the set starts and ends with the provider
	events chan openfeature.Event

	mu      sync.Mutex
	stop    func()
	running sync.WaitGroup
}

var (
	_ openfeature.FeatureProvider = (*Provider)(nil)
	_ openfeature.StateHandler    = (*Provider)(nil)
	_ openfeature.EventHandler    = (*Provider)(nil)
)

// initialStatusDelay is how long after Init a set that is STALE from the start
// reports it: the SDK marks a provider READY once Init has returned, which would
// override an earlier event.
const initialStatusDelay = 50 * time.Millisecond

// NewProvider opens a Set of its own and returns a provider over it, for programs
// that have no other use for the Set. Registering the provider starts it; the SDK's
// shutdown stops it and its goroutines. Errors are those of Open.
func NewProvider(ctx context.Context, o Options) (*Provider, error) {
	s, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	p := s.newProvider()
	p.owned = true
	return p, nil
}

// Provider returns an OpenFeature provider that resolves flags from this set and
// emits an event for each change. Each call returns a new one, to be registered
// with one API. Shutting it down leaves the set running.
func (s *Set) Provider() openfeature.FeatureProvider { return s.newProvider() }

func (s *Set) newProvider() *Provider {
	return &Provider{evaluator: evaluator{set: s}, events: make(chan openfeature.Event, 16)}
}

// EventChannel delivers PROVIDER_STALE, PROVIDER_READY and
// PROVIDER_CONFIGURATION_CHANGED with the keys of the flags.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// Init starts forwarding the set's updates. It never fails, as a set always has
// values.
func (p *Provider) Init(openfeature.EvaluationContext) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	updates, unsubscribe := p.set.Subscribe()
	p.stop = func() { unsubscribe(); cancel() }
	p.running.Go(func() { p.forward(ctx, updates) })
	if p.owned {
		p.running.Go(func() { p.run(ctx) })
	}
	return nil
}

func (p *Provider) run(ctx context.Context) {
	if err := p.set.Run(ctx); err != nil {
		p.set.log.Error().Err(err).Msg("flags are no longer updated")
	}
}

// Shutdown stops what Init started and waits for it to end.
func (p *Provider) Shutdown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stop != nil:
		p.stop()
		p.stop = nil
		p.running.Wait()
	case p.owned:
		_ = p.set.Close() // it never ran, so nothing is in flight
	}
}

// forward converts the set's updates to OpenFeature events.
func (p *Provider) forward(ctx context.Context, updates <-chan Update) {
	status := Ready
	var since time.Time // of status: the initial state can overtake updates from before it
	initial := time.NewTimer(initialStatusDelay)
	defer initial.Stop()
	for {
		var u Update
		select {
		case <-ctx.Done():
			return
		case u = <-updates:
		case <-initial.C:
			u.State = p.set.State()
			u.Version = u.State.Version
		}
		if u.State.Status != status && !u.State.Since.Before(since) {
			status, since = u.State.Status, u.State.Since
			kind := openfeature.ProviderReady
			if status == Stale {
				kind = openfeature.ProviderStale
			}
			p.send(ctx, event(kind, u))
		}
		if len(u.Keys) > 0 {
			p.send(ctx, event(openfeature.ProviderConfigChange, u))
		}
	}
}

func (p *Provider) send(ctx context.Context, e openfeature.Event) {
	select {
	case p.events <- e:
	case <-ctx.Done():
	}
}

func event(kind openfeature.EventType, u Update) openfeature.Event {
	return openfeature.Event{
		ProviderName: "cutover",
		EventType:    kind,
		ProviderEventDetails: openfeature.ProviderEventDetails{
			Message:     u.State.Reason,
			FlagChanges: u.Keys,
			EventMetadata: map[string]any{
				"version": int64(u.Version), "source": u.State.Source.String(), "status": string(u.State.Status),
			},
		},
	}
}
