package router

import (
	"context"
	"net/http"
	"strings"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router/affinity"
	"cutover/upstream"
)

// newRequest describes a request as far as its header does.
func newRequest(r *http.Request) *exchange.Request {
	q := &exchange.Request{
		ID: newID(), Method: r.Method, RawQuery: r.URL.RawQuery, Header: r.Header, At: time.Now().UTC(),
	}
	// The target as it was sent: URL may escape it differently.
	if q.Path, _, _ = strings.Cut(r.RequestURI, "?"); len(q.Path) == 0 || q.Path[0] != '/' {
		q.Path = r.URL.EscapedPath()
	}
	q.Endpoint = exchange.Lookup(q.Method, q.Path)
	return q
}

// route inspects the request and makes the one Decision: q.Route. It returns
// where the request belongs by the ids that it names.
func (rt *Router) route(ctx context.Context, q *exchange.Request) (place affinity.Placement) {
	if rt.cfg.TenantHeader != "" {
		q.Tenant = q.Header.Get(rt.cfg.TenantHeader)
	}
	if q.Endpoint.Kind == exchange.Inference && q.Held {
		q.Facts, q.Key, q.KeyFrom = exchange.Inspect(q.Endpoint, q.Header, q.Body, q.ID)
		if q.Facts.OnlyTools && q.Facts.HostedTools.Within(rt.cfg.RelayTools) {
			q.Facts.Stateful = "" // the relay runs them, too
		}
	} else {
		q.Key, q.KeyFrom = exchange.TargetingKey(q.Endpoint, q.Header, nil, q.ID)
	}
	if rt.cfg.Affinity != nil {
		place = rt.cfg.Affinity.Find(ctx, q)
	}
	if q.Endpoint.Kind == exchange.Opaque || place.Binding == affinity.Unbound && !eitherCanServe(q) {
		q.Route = primaryOnly(q)
		return place
	}
	d := rt.cfg.Decide(flags.Attributes{
		TargetingKey: q.Key, Model: q.Facts.Model, Endpoint: q.Endpoint.Name, Tenant: q.Tenant, Stream: q.Facts.Stream,
	})
	q.Route = exchange.Route{
		Relay: d.RelayEnabled && rt.relayCanServe(q), Fallback: d.Fallback, Noise: d.Noise, Flags: d.Version, Skip: skipReason(q, d),
	}
	if d.ReferenceRelay {
		q.Route.Reference = exchange.Relay
	}
	if d.ServeRelay && q.Route.Relay {
		q.Route.Serve = exchange.Relay
	}
	applyPlacement(q, place, d)
	return place
}

// eitherCanServe reports whether a request can be served by either provider.
func eitherCanServe(q *exchange.Request) bool {
	return q.Endpoint.Kind == exchange.Inference && q.Held
}

// applyPlacement overrides the percentages for what only one provider can
// serve. There is no fallback either. The kill switch holds even so: then the
// primary says that it does not know the id.
func applyPlacement(q *exchange.Request, place affinity.Placement, d flags.Decision) {
	if place.Binding == affinity.Unbound {
		return
	}
	reference := exchange.Primary
	if d.ReferenceRelay {
		reference = exchange.Relay
	}
	arm, bound := place.Arm(reference)
	if !bound && d.ServeRelay { // it creates something: whoever serves this caller keeps it
		arm = exchange.Relay
	}
	if !d.RelayEnabled {
		arm = exchange.Primary
	}
	q.Route.Serve, q.Route.Fallback, q.Route.Noise = arm, false, false
	if q.Route.Skip == "" || q.Endpoint.Kind != exchange.Inference {
		q.Route.Skip = exchange.SkipStateful
	}
}

// relayCanServe reports whether the relay could serve the request at all.
func (rt *Router) relayCanServe(q *exchange.Request) bool {
	if q.Facts.Stateful != "" || !q.Facts.Valid {
		return false
	}
	return rt.cfg.Relay.Model(q).Known
}

// primaryOnly is the route of what can't be routed by percentages.
func primaryOnly(q *exchange.Request) exchange.Route {
	route := exchange.Route{Skip: exchange.SkipEndpoint}
	switch {
	case q.Endpoint.Kind == exchange.Inference:
		route.Skip = exchange.SkipBody
	case exchange.MisplacedInference(q.Method, q.Path):
		route.Skip = exchange.SkipPath
	}
	return route
}

// skipReason says why a request to an inference endpoint is not mirrored, the
// most telling reason first; "": it is.
func skipReason(q *exchange.Request, d flags.Decision) string {
	switch {
	case len(q.Header[upstream.ShadowHeader]) > 0:
		return exchange.SkipStamp
	case !d.RelayEnabled:
		return exchange.SkipRelayOff
	case !q.Facts.Valid && requestEncoded(q.Header):
		return exchange.SkipEncoded
	case !q.Facts.Valid:
		return exchange.SkipInvalid
	case q.Facts.Stateful != "" && q.Facts.OnlyTools:
		return exchange.SkipTool(q.Facts.Stateful)
	case q.Facts.Stateful != "":
		return exchange.SkipStateful
	case !d.Shadow:
		return exchange.SkipSample
	}
	return ""
}
