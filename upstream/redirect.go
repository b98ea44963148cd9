package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// RedirectedBase is the base URL that would have led a call where the upstream
// redirects it; "" where the redirect's path is another one, as that of a login
// page. It holds no query, which may contain a key.
func (u *Upstream) RedirectedBase(resp *http.Response) string {
	if resp.Request == nil || resp.Request.URL == nil {
		return ""
	}
	sent := resp.Request.URL
	to, err := sent.Parse(resp.Header.Get("Location"))
	if err != nil || to.Host == "" || to.Scheme != "http" && to.Scheme != "https" {
		return ""
	}
	rest, ok := strings.CutPrefix(sent.Path, u.inV1.plain)
	if !ok || rest == "" || rest == "/" {
		return ""
	}
	path, ok := strings.CutSuffix(strings.TrimRight(to.Path, "/"), rest)
	base := (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: path}).String()
	if !ok || base == u.scheme+"://"+u.host+u.inV1.escaped {
		return ""
	}
	return base
}
