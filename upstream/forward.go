package upstream

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"cutover/exchange"
)

// What a caller sends was meant for the provider that it knows: the primary. To
// the relay goes only what a request needs to be understood. That is a list of
// what may pass, not of known secrets: gateways in front of providers take their
// keys in headers and query parameters of any name.

// servedHeaders are the header fields that the relay gets with a request that it
// serves, besides shadowHeaders: what shapes the response, what lets a call be
// traced through the relay, and what SDKs tell about themselves (see
// servedPrefix). None names a person, an account or a session.
var servedHeaders = [...]string{
	"Content-Language", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Expect",
	"Accept-Charset", "Cache-Control", "Idempotency-Key", "If-Match", "If-Modified-Since", "If-None-Match", "If-Unmodified-Since",
	"If-Range", "Range", "Prefer", "Traceparent", "Tracestate", "X-Client-Request-Id", "X-Request-Id",
}

// digestHeaders describe a body by its exact bytes.
var digestHeaders = [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest"}

// servedPrefix begins the headers by which the official SDKs name their version,
// retry count and timeout.
const servedPrefix = "X-Stainless-"

// forwardedHeaders say where a request came from. They pass where the sidecar
// itself is to send them.
var forwardedHeaders = [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// allowedParams are the query parameters that the relay gets: the version and
// variant of the API, and what selects a page or a part of a result.
var allowedParams = [...]string{
	"api-version", "beta", "stream", "include", "include[]", "model", "purpose", "status", "limit", "order",
	"after", "before", "after_id", "before_id", "starting_after", "page", "filter", "variant",
}

// forwardRules say what a caller's request may bring to an upstream whose
// credentials are its own. They are read only.
type forwardRules struct {
	headers map[string]bool // by canonical name
	params  map[string]bool // in lower case
}

func newForwardRules(c *Config) forwardRules {
	r := forwardRules{headers: map[string]bool{}, params: map[string]bool{}}
	for _, list := range [...][]string{shadowHeaders[:], servedHeaders[:], c.ForwardHeaders} {
		for _, k := range list {
			r.headers[http.CanonicalHeaderKey(k)] = true
		}
	}
	if c.Forwarded {
		for _, k := range forwardedHeaders {
			r.headers[k] = true
		}
	}
	for _, list := range [...][]string{allowedParams[:], c.ForwardQuery} {
		for _, k := range list {
			r.params[strings.ToLower(k)] = true
		}
	}
	return r
}

func (r *forwardRules) header(name string) bool {
	return r.headers[name] || strings.HasPrefix(name, servedPrefix)
}

// param reports whether one part of a query, "name=value", may pass. A semicolon
// separates parameters for some servers, so a part with one could hold another.
func (r *forwardRules) param(part string) (name string, ok bool) {
	name, _, _ = strings.Cut(part, "=")
	plain, err := url.QueryUnescape(name)
	if err != nil {
		return name, false
	}
	return plain, r.params[strings.ToLower(plain)] && strings.IndexByte(part, ';') < 0
}

// allowHeaders deletes what may not go to the upstream from h, a copy of the
// caller's header, and counts it.
func (u *Upstream) allowHeaders(h http.Header) {
	for k := range h {
		if !u.forward.header(k) {
			u.withheld.header(k)
			delete(h, k)
		}
	}
}

// countWithheld counts what a shadow request leaves out of the caller's header.
func (u *Upstream) countWithheld(from http.Header) {
	for k := range from {
		if !u.forward.header(k) && !hopByHopField(k) {
			u.withheld.header(k)
		}
	}
}

// allowQuery is the query that may go to the upstream; the parameters that pass
// stay as they were written.
func (u *Upstream) allowQuery(query string) string {
	if query == "" {
		return ""
	}
	all := true
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(query, "&") {
		name, ok := u.forward.param(part)
		switch {
		case ok || part == "":
			kept = append(kept, part)
		default:
			all = false
			u.withheld.param(name)
		}
	}
	if all {
		return query
	}
	return strings.Join(kept, "&")
}

// allowTrailers is what of a request's trailers may go to the upstream. Those of
// a body that streams through are not known yet: none of them do.
func (u *Upstream) allowTrailers(trailers http.Header, stream *Stream) http.Header {
	var kept http.Header
	for k, v := range trailers {
		if stream == nil && u.forward.header(k) {
			if kept == nil {
				kept = http.Header{}
			}
			kept[k] = v
		} else {
			u.withheld.header(k)
		}
	}
	return kept
}

// steeringHeaders are the response headers by which a server steers its client
// beyond the response: elsewhere, to another protocol or port, or with state that
// the client keeps. To callers the sidecar stands for the primary: the relay has
// no say in that.
var steeringHeaders = [...]string{
	"Location", "Refresh", "Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Alt-Svc", "Strict-Transport-Security",
	"Public-Key-Pins", "Expect-Ct", "Nel", "Report-To", "Reporting-Endpoints", "Service-Worker-Allowed",
}

// CopyResponse copies what a caller gets of the header of this upstream's
// response, or of its trailers.
func (u *Upstream) CopyResponse(dst, src http.Header) {
	CopyEndToEnd(dst, src)
	if !u.TransparentResponses() {
		for _, k := range steeringHeaders {
			delete(dst, k)
		}
	}
}

// PassesResponseField reports whether callers get a header field or trailer of
// this upstream's responses.
func (u *Upstream) PassesResponseField(name string) bool {
	return u.TransparentResponses() || !slices.Contains(steeringHeaders[:], name)
}

// TransparentResponses reports whether callers get this upstream's responses
// whatever they are: the primary's are its own affair.
func (u *Upstream) TransparentResponses() bool { return u.cfg.Arm == exchange.Primary }

// maxWithheldNames bounds the names that are counted each on their own, which
// callers choose, and maxWithheldName their length in bytes.
const (
	maxWithheldNames = 64
	maxWithheldName  = 64
)

// otherName is what names beyond the bounds are counted under.
const otherName = "other"

// Withheld counts, by name, what callers sent and an upstream did not get. It
// takes no lock. The zero value is ready for use.
type Withheld struct{ headers, params nameCounts }

// WithheldState is Withheld for /api/v1/status: requests by name.
type WithheldState struct {
	Headers map[string]uint64 `json:"headers,omitempty"` // requests by the name of a header that was not forwarded
	Query   map[string]uint64 `json:"query,omitempty"`   // requests by the name of a query parameter that was not forwarded
}

// State is what was counted so far; nil: nothing was withheld.
func (w *Withheld) State() *WithheldState {
	s := WithheldState{Headers: w.headers.all(), Query: w.params.all()}
	if s.Headers == nil && s.Query == nil {
		return nil
	}
	return &s
}

// header counts a header, unless it is a credential that every request has, or
// the sidecar's own.
func (w *Withheld) header(name string) {
	if !containsFold(credentialHeaders, name) && !strings.HasPrefix(name, sidecarPrefix) && name != "Content-Length" && name != "Expect" {
		w.headers.add(name)
	}
}

func (w *Withheld) param(name string) { w.params.add(name) }

// nameCounts counts by name.
type nameCounts struct {
	byName atomic.Pointer[map[string]*atomic.Uint64] // copied to add a name
}

func (c *nameCounts) add(name string) {
	if !plainName(name) {
		name = otherName
	}
	for {
		old := c.byName.Load()
		var next map[string]*atomic.Uint64
		if old != nil {
			if n := (*old)[name]; n != nil {
				n.Add(1)
				return
			}
			if len(*old) >= maxWithheldNames && name != otherName {
				name = otherName
				continue
			}
			next = maps.Clone(*old)
		} else {
			next = map[string]*atomic.Uint64{}
		}
		next[strings.Clone(name)] = new(atomic.Uint64)
		c.byName.CompareAndSwap(old, &next)
	}
}

func (c *nameCounts) all() map[string]uint64 {
	m := c.byName.Load()
	if m == nil {
		return nil
	}
	out := make(map[string]uint64, len(*m))
	for name, n := range *m {
		out[name] = n.Load()
	}
	return out
}

// plainName reports whether a name that a caller chose may be shown: some are
// keys in the wrong place.
func plainName(s string) bool {
	if s == "" || len(s) > maxWithheldName {
		return false
	}
	letters := false
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters = true
		case c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == '[', c == ']':
		default:
			return false
		}
	}
	return letters
}
