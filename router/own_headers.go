package router

import (
	"net/http"
	"strings"

	"cutover/exchange"
)

// The response headers by which a caller can tell what the sidecar did.
const (
	servedByHeader  = "X-Cutover-Served-By"
	requestIDHeader = "X-Cutover-Request-Id"
	fallbackHeader  = "X-Cutover-Fallback"
)

// setOwnHeaders adds the sidecar's own headers to a response. replaced is the
// exchange of the first choice, where that did not serve; else nil.
func (rt *Router) setOwnHeaders(h http.Header, id, servedBy string, replaced *exchange.Exchange) {
	if rt.cfg.CloseConnections != nil && rt.cfg.CloseConnections() {
		h["Connection"] = []string{"close"}
	}
	if rt.cfg.RequestID {
		h[requestIDHeader] = []string{id}
	}
	if !rt.cfg.ServedBy {
		return
	}
	h[servedByHeader] = []string{servedBy}
	if replaced != nil {
		h[fallbackHeader] = []string{headerValue(failureReason(replaced))}
	}
}

// failureReason words a failure: its class, or why the call was never sent.
func failureReason(x *exchange.Exchange) string {
	if x.Class == exchange.ClassNotSent || x.Detail == hedgeDetail {
		return x.Detail
	}
	return string(x.Class)
}

// headerValue writes a value for a header: the one place where underscores become
// hyphens, as is usual there.
func headerValue(value string) string { return strings.ReplaceAll(value, "_", "-") }
