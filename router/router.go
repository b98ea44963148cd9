package router

import (
	"context"
	"errors"
	"net/http"
	"net/http/httputil"
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

// Config configures a Router. Primary, Relay and Decide are required; nil hooks
// are not called.
type Config struct {
	Primary, Relay *upstream.Upstream
	// Decide says what the flags allow; it must not block.
	Decide func(flags.Attributes) flags.Decision
	// Mirror is offered every request once, when its served call begins. Where
	// it returns a function, that is called once, with the served exchange,
	// after the response has ended. It must not block.
	Mirror func(*exchange.Request) func(served *exchange.Exchange)
	// Served is called with every exchange that served a caller. It must not
	// block.
	Served func(*exchange.Request, *exchange.Exchange)

	// CloseConnections reports whether callers should open a new connection for
	// their next request: "Connection: close" over HTTP/1.1, GOAWAY over HTTP/2.
	// Unlike closing idle connections that can't hit a request on its way. It is
	// asked once a response; nil: never.
	CloseConnections func() bool

	CaptureLimit      int64         // largest request body that is held, in bytes; default 8 MiB
	HeldBodies        int64         // memory for all held request bodies, in bytes; default 256 MiB
	MinUploadRate     int64         // of a held body, in bytes per second within ReadStallTimeout; 0: any
	MaxBody           int64         // largest request body that is accepted, in bytes; 0: any
	ReadStallTimeout  time.Duration // silence of a caller that is sending; default 60 s
	WriteStallTimeout time.Duration // how long a caller may not read; default 60 s, as in NewServer
	ServedBy          bool          // respond with X-Cutover-Served-By, and -Fallback
	RequestID         bool          // respond with X-Cutover-Request-Id
	TenantHeader      string        // request header that names the tenant; "": none

	// KeepAlive is the silence after which a caller that asked for a stream
	// gets a comment; 0: never.
	KeepAlive time.Duration
	// RelayTools are the tools run by the provider that the relay has as well.
	RelayTools exchange.ToolSet
	// RefuseWebSockets responds 426 to a WebSocket for an inference endpoint:
	// clients then call over HTTP, where requests are routed and mirrored.
	RefuseWebSockets bool
	// ReplaceReference lets the relay serve where the reference fails.
	ReplaceReference bool
	// MergeModels responds to requests for models with those of both providers.
	MergeModels bool
	// MinTokensPerSecond is the speed that a response which could still be
	// replaced must have at its beginning; 0: any.
	MinTokensPerSecond float64
	// Affinity knows which provider created an id; nil: stateful requests go to
	// the primary.
	Affinity *affinity.Table
	// Hedge starts a second call where the first is slow; the zero value never
	// does.
	Hedge  Hedge
	Logger zerolog.Logger
}

// Router is the data plane's http.Handler. It is safe for concurrent use.
type Router struct {
	cfg     Config
	mux     *mux.Router
	upgrade *httputil.ReverseProxy
	active  atomic.Int64
	held    heldBytes

	tooLargeToRewrite sync.Once
	redirectLogged    atomic.Int64 // when a redirect was last logged, in Unix nanoseconds

	base context.Context // of upgraded connections, which outlive the server's
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
	if c.HeldBodies <= 0 {
		c.HeldBodies = 256 << 20
	}
	if c.ReadStallTimeout <= 0 {
		c.ReadStallTimeout = time.Minute
	}
	if c.WriteStallTimeout <= 0 {
		c.WriteStallTimeout = time.Minute
	}
	rt := &Router{cfg: c, held: heldBytes{limit: c.HeldBodies}}
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

// Close ends upgraded connections, which the server no longer tracks.
func (rt *Router) Close() { rt.stop() }

// serve handles everything but upgrades.
func (rt *Router) serve(w http.ResponseWriter, r *http.Request) {
	c := newCall(rt, w, r, newRequest(r))
	defer c.close()
	c.caller.deadline.clear()
	if err := c.body.read(w, r); err != nil {
		c.rejectBody(err)
		return
	}
	job := batchJob{c: c, place: rt.route(r.Context(), c.q)}
	if c.body.crowded && c.q.Route.Skip == exchange.SkipBody {
		c.q.Route.Skip = exchange.SkipMemory
	}
	if !job.prepare() {
		return
	}
	if m, ok := newMergedModels(c); ok {
		m.serve()
		return
	}
	c.startComments()
	c.serve()
}

func (rt *Router) upstream(arm exchange.Arm) *upstream.Upstream {
	if arm == exchange.Relay {
		return rt.cfg.Relay
	}
	return rt.cfg.Primary
}
