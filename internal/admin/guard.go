package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"strings"
)

// What the admin API says when it refuses a request.
var (
	errToken         = errors.New("a token is required: send the value of admin.token as Authorization: Bearer TOKEN")
	errForeignOrigin = errors.New("cross-origin requests are rejected: call this API from a program, not from another site's page")
	errForeignHost   = errors.New("without admin.token only this machine may call: use localhost or the IP address as the host")
)

// guard rejects cross-origin requests and, where a token is set, requests without it.
// Probes need no token.
func guard(token string, next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection()
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respondError(w, http.StatusForbidden, errForeignOrigin)
	}))
	next = sameOrigin.Handler(next)
	if token == "" {
		return onlyLocalNames(next)
	}
	// Hashing makes the comparison's time independent of the lengths as well.
	want := sha256.Sum256([]byte(token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/healthz" && r.URL.Path != "/readyz" {
			got, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
			sum := sha256.Sum256([]byte(got))
			if subtle.ConstantTimeCompare(sum[:], want[:]) != 1 {
				w.Header().Set("WWW-Authenticate", `Bearer realm="cutover"`)
				respondError(w, http.StatusUnauthorized, errToken)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// onlyLocalNames rejects requests for another host's name: without a token, a page
// whose host name was made to resolve to this address (DNS rebinding) must not get in.
func onlyLocalNames(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if ip == nil && !strings.EqualFold(host, "localhost") {
			respondError(w, http.StatusForbidden, errForeignHost)
			return
		}
		next.ServeHTTP(w, r)
	})
}
