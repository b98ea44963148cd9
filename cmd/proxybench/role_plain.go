package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// newPlainProxy is Go's own reverse proxy: what the ratios are against.
//
// With readFirst the request's body is read before the upstream is called, as
// cutover does it; that costs a little and keeps short streamed answers whole.
// Without, it is the proxy that one gets from the documentation. Without a
// pool it allocates 32 KiB for each answer, as most such proxies do.
func newPlainProxy(primary *url.URL, readFirst bool, pool httputil.BufferPool) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(primary) },
		Transport:     newTransport(),
		FlushInterval: -1, // each piece at once, as streams need it
		BufferPool:    pool,
	}
	if !readFirst {
		return proxy
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})
}
