package router

import (
	"net/http"
	"time"

	"cutover/exchange"
)

// rejectStatus ends an attempt of the relay whose status says that it is no response.
// SDKs follow a redirect, at any endpoint, with the key that was meant for the
// primary. The primary's responses are its own affair. Statuses from 400 on are for
// fallback_on to judge.
func (a *attempt) rejectStatus() (rejected bool) {
	status := a.resp.StatusCode
	if a.up.TransparentResponses() || status >= 400 {
		return false
	}
	j := a.rec.Judge()
	if j.Class == exchange.ClassNone && redirects(a.q, status) {
		j.Class, j.Detail = exchange.ClassMalformed, "redirect"
	}
	if j.Class == exchange.ClassNone {
		return false
	}
	a.closeExchange(j.Class, j.Detail)
	a.resp = nil
	return true
}

// redirects reports whether a status sends the caller elsewhere. To a conditional
// read 304 is a response.
func redirects(q *exchange.Request, status int) bool {
	reads := q.Method == http.MethodGet || q.Method == http.MethodHead
	return status >= 300 && status < 400 && (status != http.StatusNotModified || !reads)
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
