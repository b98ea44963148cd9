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
	errToken       = errors.New("a token is needed: send Authorization: Bearer with the value of admin.token")
	errForeignHost = errors.New("this address is for this machine only: call it as localhost or by its IP address, or set admin.token")
)

// guard lets only those in who may see and change things: nobody from another
// site's page, and, where a token is set, nobody without it. Probes need no
// token.
func guard(token string, next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
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

// onlyLocalNames refuses requests under another host's name: without a token,
// a page whose name was made to point here (DNS rebinding) must not get in.
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
