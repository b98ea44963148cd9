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
// connection only and are served as ordinary requests.
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

// newUpgrade is net/http's own reverse proxy: it has solved the hard part of an
// upgrade, switching a connection over both ways.
func (rt *Router) newUpgrade() *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Transport: rt.cfg.Primary,
		Rewrite: func(p *httputil.ProxyRequest) {
			q := p.In.Context().Value(upgradeKey{}).(*exchange.Request)
			out, err := rt.cfg.Primary.Serve(p.Out.Context(), q, p.In, nil, &upstream.Permit{})
			if err != nil {
				return // a path that climbs: without a URL the transport refuses the call
			}
			for _, k := range []string{"Connection", "Upgrade"} {
				out.Header[k] = p.In.Header[k]
			}
			*p.Out = *out
		},
		ModifyResponse: func(resp *http.Response) error {
			q := resp.Request.Context().Value(upgradeKey{}).(*exchange.Request)
			rt.setOwnHeaders(resp.Header, q.ID, rt.cfg.Primary.Name(), nil)
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			q := r.Context().Value(upgradeKey{}).(*exchange.Request)
			class, detail := upstream.Classify(r.Context(), err)
			rt.cfg.Logger.Debug().Str("id", q.ID).Str("class", string(class)).Str("detail", detail).Msg("upgrade failed")
			newCall(rt, w, r, q).respondProblem(problemOf(class, rt.cfg.Primary.Name()))
		},
		ErrorLog: newErrorLog(rt.cfg.Logger),
	}
}

// serveUpgrade connects a WebSocket to the primary. It is never mirrored.
func (rt *Router) serveUpgrade(w http.ResponseWriter, r *http.Request) {
	q := newRequest(r)
	q.Held, q.Route.Skip = true, exchange.SkipSocket
	rt.countUnmirrored(q)
	if rt.cfg.RefuseWebSockets && exchange.Lookup(http.MethodPost, q.Path).Kind == exchange.Inference {
		w.Header().Set("Upgrade", "HTTP/1.1")
		newCall(rt, w, r, q).respondProblem(exchange.Problem{Status: http.StatusUpgradeRequired,
			Type: "invalid_request_error", Code: "websocket_refused",
			Message: "cutover: WebSockets are refused for this endpoint (server.websockets): call it over HTTP"})
		return
	}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), upgradeKey{}, q))
	defer cancel()
	defer context.AfterFunc(rt.base, cancel)()
	rt.upgrade.ServeHTTP(w, r.WithContext(ctx))
	rt.cfg.Logger.Debug().Str("id", q.ID).Str("endpoint", q.Endpoint.Name).
		Dur("total", time.Since(q.At)).Msg("upgrade ended")
}
