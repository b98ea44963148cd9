package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unsafe"

	"cutover/exchange"
)

// ErrModel is returned if a strict model map has no name for a request's model.
var ErrModel = errors.New("the model map is strict and has no name for this model: add it under models.map, or set models.default")

// ErrPath is returned for a path that would leave the upstream's base path while
// the upstream's own key is attached.
var ErrPath = errors.New("the path climbs out of the upstream's base path")

// ShadowHeader marks a shadow request. A sidecar never mirrors a request with this
// header, which stops mirrors of mirrors.
const ShadowHeader = "X-Cutover-Shadow"

// Stream is a request body that is passed on as it arrives.
type Stream struct {
	Body   io.ReadCloser
	Length int64 // -1: unknown
}

// Serve builds the call that answers the caller, with this upstream's
// credentials. The primary gets everything that the caller sent, less what
// belongs to the connection or to the sidecar; the relay gets what its
// forwardRules allow. r is the caller's own request; stream is nil when the body
// is held; p is what Acquire returned, or a zero Permit. The error is ErrModel or
// ErrPath.
func (u *Upstream) Serve(ctx context.Context, q *exchange.Request, r *http.Request, stream *Stream, p *Permit) (*http.Request, error) {
	if u.cfg.Auth.Kind != Passthrough && climbs(q.Path) {
		return nil, ErrPath
	}
	h := make(http.Header, len(q.Header)+2)
	CopyEndToEnd(h, q.Header)
	dropSidecarHeaders(h)
	if stream == nil {
		// The sidecar has the body, and has told the caller to continue: an
		// upstream that does not honour this would cost a second.
		delete(h, "Expect")
	}
	if u.restricted {
		u.allowHeaders(h)
	}
	if acceptsTrailers(q.Header) {
		h["Te"] = []string{"trailers"}
	}
	if u.cfg.Forwarded {
		addForwarded(h, r)
	}
	body, err := u.body(q, editSet{})
	if err != nil {
		return nil, err
	}
	if len(body) > 0 && unsafe.SliceData(body) != unsafe.SliceData(q.Body) {
		for _, k := range digestHeaders { // of the body before it was changed
			delete(h, k)
		}
	}
	out := u.build(ctx, q, h, body, stream, p)
	out.URL.ForceQuery = r.URL.ForceQuery
	trailer := r.Trailer // filled in as the body is read; sent after a chunked body only
	if u.restricted {
		trailer = u.allowTrailers(trailer, stream)
	}
	if len(trailer) > 0 {
		out.Trailer, out.ContentLength = trailer, -1
	}
	return out, nil
}

// Shadow builds a shadow request: headers by allowlist, this upstream's own
// credentials, and the body with the edits that a shadow request needs.
func (u *Upstream) Shadow(ctx context.Context, q *exchange.Request, p *Permit) (*http.Request, error) {
	if u.cfg.Auth.Kind != Passthrough && climbs(q.Path) {
		return nil, ErrPath
	}
	h := make(http.Header, len(shadowHeaders)+4)
	copyShadowHeaders(h, q.Header)
	for _, k := range u.cfg.ForwardHeaders {
		if v, ok := q.Header[http.CanonicalHeaderKey(k)]; ok {
			h[http.CanonicalHeaderKey(k)] = v
		}
	}
	if u.restricted {
		u.countWithheld(q.Header)
	}
	h[ShadowHeader] = []string{"1"}
	if u.cfg.Auth.Kind == Passthrough {
		// The caller's key is for this very upstream.
		for _, k := range credentialHeaders {
			if v, ok := q.Header[k]; ok {
				h[k] = v
			}
		}
	}
	body, err := u.body(q, editSet{shadow: &u.cfg.ShadowIdentity})
	if err != nil {
		return nil, err
	}
	return u.build(ctx, q, h, body, nil, p), nil
}

// body returns the held body as this upstream should see it: the caller's own slice
// if nothing differs.
func (u *Upstream) body(q *exchange.Request, edits editSet) ([]byte, error) {
	if !q.Held || q.Endpoint.Kind != exchange.Inference {
		return q.Body, nil
	}
	model := u.Model(q)
	if !model.Known {
		return nil, ErrModel
	}
	return edits.apply(q, model.Name), nil
}

func (u *Upstream) build(ctx context.Context, q *exchange.Request, h http.Header, body []byte, stream *Stream, p *Permit) *http.Request {
	auth := u.cfg.Auth
	if key := p.key.Secret(); key != "" {
		auth.Key = key
	}
	query := q.RawQuery
	if u.restricted {
		query = u.allowQuery(query)
	}
	query = auth.apply(h, q.Header, query)
	if _, ok := h["User-Agent"]; !ok {
		h["User-Agent"] = nil // keeps net/http from adding its own
	}
	out := (&http.Request{}).WithContext(ctx)
	out.Method, out.URL, out.Host, out.Header = q.Method, u.url(q.Path, query), u.host, h
	out.Proto, out.ProtoMajor, out.ProtoMinor = "HTTP/1.1", 1, 1
	switch {
	case stream != nil:
		out.Body, out.ContentLength = stream.Body, stream.Length
	case len(body) > 0:
		out.ContentLength = int64(len(body))
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	delete(h, "Content-Length") // net/http writes it from ContentLength
	return out
}

// url maps a caller's path: /v1/X becomes base_url/X, and any other path goes where
// it would be beside that /v1.
func (u *Upstream) url(escaped, query string) *url.URL {
	base := u.outside
	if rest, ok := strings.CutPrefix(escaped, "/v1"); ok && (rest == "" || rest[0] == '/') {
		base, escaped = u.inV1, rest
	}
	out := &url.URL{Scheme: u.scheme, Host: u.host, RawQuery: query}
	if base.plain == base.escaped && plainPath(escaped) {
		out.Path = base.plain + escaped
	} else {
		u.setEscaped(out, base, escaped)
	}
	switch out.Path {
	case "":
		out.Path = "/"
	case "*": // OPTIONS of the whole server
		out.RawPath = ""
	}
	return out
}

// climbs reports whether a path has a segment "..", written in any way that some
// server takes for one: escaped, escaped twice, with a backslash, or with path
// parameters behind it.
func climbs(escaped string) bool {
	if strings.IndexByte(escaped, '%') < 0 && !strings.Contains(escaped, "..") {
		return false
	}
	path := escaped
	for range 3 {
		if strings.IndexByte(path, '%') < 0 {
			break
		}
		path = dotEscapes.Replace(path)
	}
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		if segment, _, _ = strings.Cut(segment, ";"); segment == ".." {
			return true
		}
	}
	return false
}

// setEscaped makes the URL print the path exactly as the caller wrote it.
func (u *Upstream) setEscaped(out *url.URL, base prefix, escaped string) {
	raw := base.escaped + escaped
	plain, err := url.PathUnescape(escaped)
	if err != nil {
		plain = escaped
	}
	out.Path, out.RawPath = base.plain+plain, raw
	// EscapedPath escapes characters that should not be in a URL unescaped. Callers
	// that send them get them passed on as they are.
	if out.EscapedPath() != raw && !strings.HasPrefix(raw, "//") {
		out.Opaque = raw
	}
}

// plainPath reports whether a path is the same escaped and not.
func plainPath(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '/', c == '-', c == '_', c == '.', c == '~':
		default:
			return false
		}
	}
	return true
}

func addForwarded(h http.Header, r *http.Request) {
	if ip, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		chain := append([]string(nil), h["X-Forwarded-For"]...)
		h["X-Forwarded-For"] = []string{strings.Join(append(chain, ip), ", ")}
	}
	h["X-Forwarded-Host"] = []string{r.Host}
	proto := "http"
	if r.TLS != nil {
		proto = "https"
	}
	h["X-Forwarded-Proto"] = []string{proto}
}

// dotEscapes undoes the escapes that a path can climb by.
var dotEscapes = strings.NewReplacer(
	"%25", "%", "%2e", ".", "%2E", ".", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%3b", ";", "%3B", ";",
)
