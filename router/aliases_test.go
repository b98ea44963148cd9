package router_test

import (
	"errors"
	"net"
	"net/http/httptest"
	"testing"

	"cutover/router"
	"cutover/upstream"
)

type (
	upstreamConfig = upstream.Config
	routerConfig   = router.Config
	limits         = router.ServerLimits
)

// rawPrimary puts a raw upstream in the primary's place.
func rawPrimary(u *rawUpstream) setup {
	return setup{primary: func(c *upstream.Config) { c.BaseURL = u.url() + "/v1" }}
}

func asNetError(err error, target *net.Error) bool { return errors.As(err, target) }

// testCertificate is the certificate that httptest's TLS servers show.
func testCertificate(t *testing.T) []byte {
	t.Helper()
	srv := httptest.NewTLSServer(nil)
	defer srv.Close()
	return srv.Certificate().Raw
}
