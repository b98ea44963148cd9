package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop are the header fields that speak of one connection (RFC 9110,
// section 7.6.1) and the older ones that proxies strip by custom.
var hopByHop = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// own begins every request header that is the sidecar's; these go nowhere.
const own = "X-Cutover-"

// CopyEndToEnd copies the header fields that concern both ends from src to dst.
// Values are shared, not cloned: neither side writes to them.
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

// acceptsTrailers reports whether TE names trailers, the one value of TE that
// may be passed on: gRPC-like callers need it.
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

// mirrored are the header fields that a mirrored copy takes over: what shapes
// an answer, and nothing that names a person, an account or a connection.
var mirrored = [...]string{
	"Accept", "Accept-Encoding", "Accept-Language", "Content-Type", "Content-Encoding",
	"Anthropic-Beta", "Anthropic-Version", "Openai-Beta", "User-Agent",
}

func copyMirrored(dst, src http.Header) {
	for _, k := range mirrored {
		if v, ok := src[k]; ok {
			dst[k] = v
		}
	}
}

// dropOwn removes the sidecar's own request headers.
func dropOwn(h http.Header) {
	for k := range h {
		if strings.HasPrefix(k, own) {
			delete(h, k)
		}
	}
}
