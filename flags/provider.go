package flags

import (
	"sync"

	"github.com/open-feature/go-sdk/openfeature"
)

// Provider is an OpenFeature provider over a Set, with events.
type Provider struct {
	evaluator
	events  chan openfeature.Event
	mu      sync.Mutex
	stop    func()
	pumping sync.WaitGroup
}

var (
	_ openfeature.FeatureProvider = (*Provider)(nil)
	_ openfeature.StateHandler    = (*Provider)(nil)
	_ openfeature.EventHandler    = (*Provider)(nil)
)

// Provider returns an OpenFeature provider that answers from this set and tells
// the SDK of its changes. Each call returns one of its own, to be registered
// with one API. Shutting it down leaves the set running.
func (s *Set) Provider() openfeature.FeatureProvider {
	return &Provider{evaluator: evaluator{set: s}, events: make(chan openfeature.Event, 16)}
}

// EventChannel brings PROVIDER_STALE, PROVIDER_READY and
// PROVIDER_CONFIGURATION_CHANGED with the flags' keys.
func (p *Provider) EventChannel() <-chan openfeature.Event { return p.events }

// Init begins to forward the set's updates. A set always has values, so it
// never fails.
func (p *Provider) Init(openfeature.EvaluationContext) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil {
		return nil
	}
	updates, unsubscribe := p.set.Subscribe()
	done := make(chan struct{})
	p.stop = func() { unsubscribe(); close(done) }
	p.pumping.Go(func() { p.forward(updates, done) })
	return nil
}

// Shutdown stops forwarding and waits until it has stopped.
func (p *Provider) Shutdown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop == nil {
		return
	}
	p.stop()
	p.stop = nil
	p.pumping.Wait()
}

func (p *Provider) forward(updates <-chan Update, done <-chan struct{}) {
	status := Ready
	if st := p.set.State(); st.Status == Stale {
		status = Stale
		p.send(event(openfeature.ProviderStale, Update{State: st}), done)
	}
	for {
		select {
		case <-done:
			return
		case u := <-updates:
			if u.State.Status != status {
				status = u.State.Status
				kind := openfeature.ProviderReady
				if status == Stale {
					kind = openfeature.ProviderStale
				}
				p.send(event(kind, u), done)
			}
			if len(u.Keys) > 0 {
				p.send(event(openfeature.ProviderConfigChange, u), done)
			}
		}
	}
}

func (p *Provider) send(e openfeature.Event, done <-chan struct{}) {
	select {
	case p.events <- e:
	case <-done:
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
