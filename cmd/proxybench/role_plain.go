package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
)

// newPlainProxy is Go's own reverse proxy, the base of the ratios.
//
// With readFirst the request body is read before the upstream is called, as in
// cutover; that costs a little and prevents truncated short streams. Without, it is
// the proxy from the documentation. Without a pool it allocates 32 KiB for each
// response, as most such proxies do.
func newPlainProxy(primary *url.URL, readFirst bool, pool httputil.BufferPool) http.Handler {
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(primary) },
		Transport:     newTransport(),
		FlushInterval: -1, // flush each piece at once, for streams
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
