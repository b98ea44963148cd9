package router

import (
	"net/http"
	"time"

	"cutover/exchange"
	"cutover/upstream"
)

// unusableStatus says why a response of the relay is no response to a request,
// whatever its body says; "": its status does not speak against it. SDKs follow a
// redirect with the key that was meant for the primary, and can't do anything
// with a success that has no body or part of one. The primary's responses are its
// own affair. Statuses from 400 on are for fallback_on to judge.
func unusableStatus(q *exchange.Request, up *upstream.Upstream, status int) string {
	if up.TransparentResponses() {
		return ""
	}
	reads := q.Method == http.MethodGet || q.Method == http.MethodHead
	switch {
	case status == http.StatusNotModified && reads:
		return ""
	case status >= 300 && status < 400:
		return "redirect"
	case q.Endpoint.Kind != exchange.Inference || reads:
		return ""
	case status == http.StatusNoContent || status == http.StatusResetContent:
		return "no_body"
	case status == http.StatusPartialContent:
		return "partial"
	}
	return ""
}

// wrongForm reports whether a response is not in the form that was asked for: a
// stream, or one JSON text. No SDK can read the other. Before the response has
// ended, one without events may yet turn out to be a stream.
func (a *attempt) wrongForm(ended bool) bool {
	switch {
	case a.up.TransparentResponses() || !a.q.Facts.Valid || a.q.Endpoint.Kind != exchange.Inference,
		a.q.Endpoint.Dialect == exchange.DialectNone:
		return false
	case streams(a.q):
		return ended && !a.rec.Streamed()
	}
	return a.rec.Streamed() && !a.q.Facts.Stream
}

// rejectStatus ends an attempt whose status says that it is no response.
func (a *attempt) rejectStatus() (rejected bool) {
	why := unusableStatus(a.q, a.up, a.resp.StatusCode)
	if why == "" {
		return false
	}
	a.closeExchange(exchange.ClassMalformed, why)
	a.resp = nil
	return true
}

// redirectInterval is how often a redirect is logged: every call may get one.
const redirectInterval = time.Minute

// warnRedirect says what is probably wrong where the relay redirects calls.
func (rt *Router) warnRedirect(a *attempt) {
	status := a.resp.StatusCode
	if a.up.TransparentResponses() || status < 300 || status >= 400 || status == http.StatusNotModified {
		return
	}
	now, last := time.Now().UnixNano(), rt.redirectLogged.Load()
	if last != 0 && now-last < int64(redirectInterval) || !rt.redirectLogged.CompareAndSwap(last, now) {
		return
	}
	e := rt.cfg.Logger.Warn().Str("upstream", a.up.Name()).Int("status", status)
	base := a.up.RedirectedBase(a.resp)
	if base == "" {
		e.Msg("the upstream redirects calls to another address: redirects are not followed; check its base_url")
		return
	}
	e.Str("base_url", base).Msg("the upstream redirects calls: redirects are not followed; its base_url should probably be this one")
}
