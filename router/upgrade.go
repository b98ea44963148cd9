package router

import (
	"context"
	"net/http"
	"net/http/httputil"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"cutover/exchange"
	"cutover/upstream"
)

// isUpgrade reports whether a request asks for a WebSocket. Other upgrades,
// such as the h2c that Java's client offers with every request, concern the
// connection only and are answered as ordinary requests.
func isUpgrade(r *http.Request, _ *mux.RouteMatch) bool {
	if len(r.Header["Upgrade"]) == 0 || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return false
	}
	for _, field := range r.Header["Connection"] {
		for v := range strings.SplitSeq(field, ",") {
			if strings.EqualFold(strings.TrimSpace(v), "upgrade") {
				return true
			}
		}
	}
	return false
}

type upgradeKey struct{}

// newUpgrade is net/http's own reverse proxy: the one hard case of upgrades,
// switching a connection over both ways, is solved there.
func (rt *Router) newUpgrade() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: rt.cfg.Primary,
		Rewrite: func(p *httputil.ProxyRequest) {
			q := p.In.Context().Value(upgradeKey{}).(*exchange.Request)
			out, err := rt.cfg.Primary.Serve(p.Out.Context(), q, p.In, nil, &upstream.Permit{})
			if err != nil {
				return // only a model map can refuse, and here is no model
			}
			for _, k := range []string{"Connection", "Upgrade"} {
				out.Header[k] = p.In.Header[k]
			}
			*p.Out = *out
		},
		ModifyResponse: func(resp *http.Response) error {
			q := resp.Request.Context().Value(upgradeKey{}).(*exchange.Request)
			c := &call{rt: rt, q: q}
			c.announce(resp.Header, rt.cfg.Primary.Name())
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			q := r.Context().Value(upgradeKey{}).(*exchange.Request)
			class, detail := upstream.Classify(r.Context(), err)
			rt.cfg.Logger.Debug().Str("id", q.ID).Str("class", string(class)).Str("detail", detail).Msg("upgrade failed")
			c := &call{rt: rt, w: w, r: r, q: q}
			c.answer(problemOf(class, rt.cfg.Primary.Name()))
		},
		ErrorLog: newLogLog(rt.cfg.Logger),
	}
}

// serveUpgrade connects a WebSocket to the primary. It is never mirrored.
func (rt *Router) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	q := newRequest(r)
	q.Held, q.Route.Skip = true, exchange.SkipEndpoint
	if rt.cfg.Mirror != nil {
		rt.cfg.Mirror(q) // counts it
	}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), upgradeKey{}, q))
	defer cancel()
	defer context.AfterFunc(rt.base, cancel)()
	rt.upgrade.ServeHTTP(w, r.WithContext(ctx))
	rt.cfg.Logger.Debug().Str("id", q.ID).Str("endpoint", q.Endpoint.Name).
		Dur("total", time.Since(q.At)).Msg("upgrade ended")
}
