package router

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router/affinity"
	"cutover/upstream"
)

// Config sets a Router up. Primary, Relay and Decide are required; nil hooks
// are not called.
type Config struct {
	Primary, Relay *upstream.Upstream
	// Decide says what the flags allow; it must not block.
	Decide func(flags.Attributes) flags.Decision
	// Mirror is offered every request once, when its served call begins. Where
	// it returns a function, that is called once, with the served exchange,
	// after the answer has ended. It must not block.
	Mirror func(*exchange.Request) func(served *exchange.Exchange)
	// Served is told of every exchange that answered a caller. It must not block.
	Served func(*exchange.Request, *exchange.Exchange)

	CaptureLimit int64         // largest body that is held; default 8 MiB
	MaxBody      int64         // largest body that is accepted; 0: any
	BodyStall    time.Duration // silence of a caller that sends; default 60 s
	WriteStall   time.Duration // silence of a caller that reads; default 60 s, as in NewServer
	ServedBy     bool          // answer with X-Cutover-Served-By, and -Fallback
	RequestID    bool          // answer with X-Cutover-Request-Id
	TenantHeader string        // header that names the tenant; "": none

	// KeepAlive is the silence after which a caller that asked for a stream
	// gets a comment; 0: never.
	KeepAlive time.Duration
	// ReplaceReference lets the relay answer where the reference fails.
	ReplaceReference bool
	// MergeModels answers requests for models with those of both providers.
	MergeModels bool
	// MinTokensPerSecond is what an answer that could still be replaced must
	// keep at its beginning; 0: any speed will do.
	MinTokensPerSecond float64
	// Affinity knows which provider created an id; nil: stateful requests go to the primary.
	Affinity *affinity.Table
	// Hedge starts a second call where the first is slow to speak; the zero
	// value never does.
	Hedge  Hedge
	Logger zerolog.Logger
}

// Router is the data plane's http.Handler. It is safe for concurrent use.
type Router struct {
	cfg     Config
	mux     *mux.Router
	upgrade *httputil.ReverseProxy
	active  atomic.Int64

	tooLargeToShow sync.Once

	base context.Context // ends what outlives its connection: upgraded ones
	stop context.CancelFunc
}

// New checks the configuration and builds the routes.
func New(c Config) (*Router, error) {
	if c.Primary == nil || c.Relay == nil || c.Decide == nil {
		return nil, errors.New("router: Primary, Relay and Decide are required")
	}
	if c.CaptureLimit <= 0 {
		c.CaptureLimit = 8 << 20
	}
	if c.BodyStall <= 0 {
		c.BodyStall = time.Minute
	}
	if c.WriteStall <= 0 {
		c.WriteStall = time.Minute
	}
	rt := &Router{cfg: c}
	rt.base, rt.stop = context.WithCancel(context.Background())
	rt.upgrade = rt.newUpgrade()
	rt.mux = mux.NewRouter().SkipClean(true).UseEncodedPath()
	rt.mux.MatcherFunc(isUpgrade).HandlerFunc(rt.serveUpgrade).Name("upgrade")
	rt.mux.PathPrefix("/").HandlerFunc(rt.serve).Name("proxy")
	// "OPTIONS *" has no path to match.
	rt.mux.NotFoundHandler = http.HandlerFunc(rt.serve)
	return rt, nil
}

// ServeHTTP serves one request.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rt.active.Add(1)
	defer rt.active.Add(-1)
	rt.mux.ServeHTTP(w, r)
}

// Active is the number of requests being served, upgraded connections included.
func (rt *Router) Active() int64 { return rt.active.Load() }

// Close ends upgraded connections, which no server knows of any more.
func (rt *Router) Close() { rt.stop() }

// serve handles everything but upgrades.
func (rt *Router) serve(w http.ResponseWriter, r *http.Request) {
	q := newRequest(r)
	c := &call{rt: rt, w: w, r: r, q: q, deadline: q.At}
	defer c.close()
	c.lapse()
	if err := c.readBody(); err != nil {
		c.refuse(err)
		return
	}
	place := rt.route(r.Context(), q)
	if !c.job(place) {
		return
	}
	if m, ok := c.models(); ok {
		m.serve()
		return
	}
	c.keepAlive()
	c.serve()
}

// newRequest is what is known of a request before its body.
func newRequest(r *http.Request) *exchange.Request {
	q := &exchange.Request{
		ID: newID(), Method: r.Method, RawQuery: r.URL.RawQuery, Header: r.Header, At: time.Now(),
	}
	// The target as it was sent: what URL prints may be escaped anew.
	if q.Path, _, _ = strings.Cut(r.RequestURI, "?"); len(q.Path) == 0 || q.Path[0] != '/' {
		q.Path = r.URL.EscapedPath()
	}
	q.Endpoint = exchange.Lookup(q.Method, q.Path)
	return q
}

// route fills in what the request is about, and the one Decision. It returns
// where the request belongs.
func (rt *Router) route(ctx context.Context, q *exchange.Request) (place affinity.Placement) {
	if rt.cfg.TenantHeader != "" {
		q.Tenant = q.Header.Get(rt.cfg.TenantHeader)
	}
	if q.Endpoint.Kind == exchange.Inference && q.Held {
		q.Facts, q.Key, q.KeyFrom = exchange.Inspect(q.Endpoint, q.Header, q.Body, q.ID)
	} else {
		q.Key, q.KeyFrom = exchange.TargetingKey(q.Endpoint, q.Header, nil, q.ID)
	}
	if rt.cfg.Affinity != nil {
		place = rt.cfg.Affinity.Find(ctx, q)
	}
	if q.Endpoint.Kind == exchange.Opaque || place.Binding == affinity.Unbound && !rt.shared(q) {
		q.Route = rt.primaryOnly(q)
		return place
	}
	d := rt.cfg.Decide(flags.Attributes{
		TargetingKey: q.Key, Model: q.Facts.Model, Endpoint: q.Endpoint.Name, Tenant: q.Tenant, Stream: q.Facts.Stream,
	})
	q.Route = exchange.Route{Relay: d.RelayEnabled && rt.relayCan(q), Fallback: d.Fallback, Noise: d.Noise, Flags: d.Version, Skip: skipReason(q, d)}
	if d.ReferenceRelay {
		q.Route.Reference = exchange.Relay
	}
	if d.ServeRelay && q.Route.Relay {
		q.Route.Serve = exchange.Relay
	}
	rt.bind(q, place, d)
	return place
}

// shared reports whether a request can be answered by either provider.
func (rt *Router) shared(q *exchange.Request) bool {
	return q.Endpoint.Kind == exchange.Inference && q.Held
}

// bind overrules the percentages for what only one provider can answer. It has
// no substitute either. The kill switch holds even so: then the primary says
// that it does not know the id.
func (rt *Router) bind(q *exchange.Request, place affinity.Placement, d flags.Decision) {
	if place.Binding == affinity.Unbound {
		return
	}
	reference := exchange.Primary
	if d.ReferenceRelay {
		reference = exchange.Relay
	}
	arm, bound := place.Arm(reference)
	if !bound && d.ServeRelay { // it makes something new: whoever serves this caller, and keeps it
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

// relayCan reports whether the relay could serve the request at all.
func (rt *Router) relayCan(q *exchange.Request) bool {
	if q.Facts.Stateful != "" || !q.Facts.Valid {
		return false
	}
	return rt.cfg.Relay.Model(q).Known
}

// primaryOnly is the route of what can't be routed by share.
func (rt *Router) primaryOnly(q *exchange.Request) exchange.Route {
	route := exchange.Route{Skip: exchange.SkipEndpoint}
	if q.Endpoint.Kind == exchange.Inference {
		route.Skip = exchange.SkipBody
	}
	return route
}

// skipReason says why a request of an inference endpoint is not mirrored, the
// most telling reason first.
func skipReason(q *exchange.Request, d flags.Decision) string {
	switch {
	case len(q.Header[upstream.ShadowHeader]) > 0:
		return exchange.SkipStamp
	case !d.RelayEnabled:
		return exchange.SkipRelayOff
	case !q.Facts.Valid:
		return exchange.SkipInvalid
	case q.Facts.Stateful != "":
		return exchange.SkipStateful
	case !d.Shadow:
		return exchange.SkipSample
	}
	return ""
}

func (rt *Router) upstream(arm exchange.Arm) *upstream.Upstream {
	if arm == exchange.Relay {
		return rt.cfg.Relay
	}
	return rt.cfg.Primary
}
