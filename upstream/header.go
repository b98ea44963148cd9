package upstream

import (
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"cutover/exchange"
)

// hopByHop are the header fields that apply to one connection (RFC 9110, section
// 7.6.1) and the older ones that proxies strip by convention.
var hopByHop = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

func hopByHopField(name string) bool {
	for _, k := range hopByHop {
		if k == name {
			return true
		}
	}
	return false
}

// sidecarPrefix begins every request header that is for the sidecar. They are never
// passed on.
const sidecarPrefix = "X-Cutover-"

// CopyEndToEnd copies the end-to-end header fields from src to dst. Values are
// shared, not cloned: neither side writes to them.
func CopyEndToEnd(dst, src http.Header) {
	for k, v := range src {
		dst[k] = v
	}
	for _, field := range src["Connection"] {
		for name := range strings.SplitSeq(field, ",") {
			if name = textproto.TrimString(name); name != "" {
				delete(dst, http.CanonicalHeaderKey(name))
			}
		}
	}
	for _, k := range hopByHop {
		delete(dst, k)
	}
}

// acceptsTrailers reports whether TE lists trailers, the one value of TE that may
// be passed on: gRPC-like callers need it.
func acceptsTrailers(h http.Header) bool {
	for _, field := range h["Te"] {
		for v := range strings.SplitSeq(field, ",") {
			if strings.EqualFold(textproto.TrimString(v), "trailers") {
				return true
			}
		}
	}
	return false
}

// shadowHeaders are the header fields that a shadow request has from the caller:
// those that shape a response, in any dialect, and none that names a person, an
// account or a connection.
var shadowHeaders = gatherShadowHeaders()

func gatherShadowHeaders() []string {
	fields := []string{"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding", "User-Agent"}
	for _, d := range exchange.Dialects() {
		for _, k := range d.Spec().Headers {
			if !slices.Contains(fields, k) {
				fields = append(fields, k)
			}
		}
	}
	return fields
}

func copyShadowHeaders(dst, src http.Header) {
	for _, k := range shadowHeaders {
		if v, ok := src[k]; ok {
			dst[k] = v
		}
	}
}

// dropSidecarHeaders removes the request headers that are for the sidecar.
func dropSidecarHeaders(h http.Header) {
	for k := range h {
		if strings.HasPrefix(k, sidecarPrefix) {
			delete(h, k)
		}
	}
}
