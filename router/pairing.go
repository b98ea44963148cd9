package router

import "cutover/exchange"

// pairing is what ties a call to its shadow request: a hook, as the router
// knows nothing of the mirror.
type pairing struct {
	onServed func(served *exchange.Exchange) // nil: there is no pair, or it has its exchange
	mirrored bool                            // the mirror sends a shadow request
}

// offer offers the request to the mirror.
func (p *pairing) offer(cfg *Config, q *exchange.Request) {
	if cfg.Mirror != nil {
		p.onServed = cfg.Mirror(q)
		p.mirrored = p.onServed != nil
	}
}

// deliver gives the pair its served exchange, unless it has one.
func (p *pairing) deliver(x *exchange.Exchange) {
	if onServed := p.detach(); onServed != nil {
		onServed(x)
	}
}

// detach returns the function that takes the served exchange, which the caller
// of detach then has to call; nil where there is none.
func (p *pairing) detach() func(served *exchange.Exchange) {
	onServed := p.onServed
	p.onServed = nil
	return onServed
}

// countUnmirrored tells the mirror of a request that it must not mirror, so
// that its counts add up to the requests.
func (rt *Router) countUnmirrored(q *exchange.Request) {
	if rt.cfg.Mirror != nil {
		rt.cfg.Mirror(q)
	}
}
