package router_test

import (
	"cutover/router"
	"cutover/upstream"
)

type (
	upstreamConfig = upstream.Config
	routerConfig   = router.Config
)

// rawPrimary puts a raw upstream in the primary's place.
func rawPrimary(u *rawUpstream) setup {
	return setup{primary: func(c *upstream.Config) { c.BaseURL = u.url() + "/v1" }}
}
