package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"cutover/internal/wording"
	"cutover/shadow"
)

// check judges the values once all sources are read. Keys that were reported
// while reading are left out.
func (ld *loading) check() {
	c := ld.config
	ld.checkListen("listen", c.Listen)
	ld.checkListen("admin.listen", c.Admin.Listen)
	if c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0") {
		ld.wrong("admin.listen", "the same address as listen: the two need ports of their own")
	}
	if !isLoopback(c.Admin.Listen) && !c.Admin.Token.IsSet() {
		ld.wrong("admin.token", "missing: %s can be reached from other machines; set it to {env: NAME} or {file: PATH}, or set CUTOVER_ADMIN_TOKEN", c.Admin.Listen)
	}
	ld.checkTLS()
	ld.checkUpstream("primary", &c.Upstreams.Primary)
	ld.checkUpstream("relay", &c.Upstreams.Relay)
	ld.checkPresence()
	ld.checkLoops()
	ld.checkNumbers()
	ld.checkKeepalive()
	ld.checkWords()
	ld.checkExcludes()
	if c.Store.Redis.Plain != "" {
		if err := CheckRedisURL(c.Store.Redis.Plain); err != nil {
			ld.wrong("store.redis", "%v", err)
		}
	}
	if c.Store.Dir == "" {
		ld.wrong("store.dir", "missing: a directory is needed for the last good flags, and for results when there is no Redis")
	}
}

// wrong reports a value, with the place that set it, unless its key was
// reported before.
func (ld *loading) wrong(key, format string, args ...any) {
	if !ld.problems.about(key) {
		ld.problems.add(ld.origins[key].where, key, format, args...)
	}
}

func (ld *loading) checkListen(key, addr string) {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		ld.wrong(key, "found %s, expected HOST:PORT such as 127.0.0.1:8080, or :8080 for all addresses", wording.Quote(addr))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || port != strconv.FormatUint(n, 10) {
		ld.wrong(key, "found the port %s, expected a number from 0 to 65535", wording.Quote(port))
	}
}

// isLoopback reports whether an address can be reached from this machine only.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (ld *loading) checkTLS() {
	t := ld.config.TLS
	switch {
	case t.Cert == "" && t.Key == "":
		return
	case t.Cert == "":
		ld.wrong("tls.cert", "missing: tls.key is set, and TLS needs both")
		return
	case t.Key == "":
		ld.wrong("tls.key", "missing: tls.cert is set, and TLS needs both")
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		ld.wrong("tls.cert", "certificate and key can't be used: %v", err)
	}
}

// checkPresence asks for what serving can't do without.
func (ld *loading) checkPresence() {
	u, f := &ld.config.Upstreams, &ld.config.Flags
	if u.Primary.BaseURL == "" {
		ld.wrong("upstreams.primary.base_url", "missing: set it with --primary URL, CUTOVER_PRIMARY or in the file (for OpenAI: https://api.openai.com/v1)")
	}
	switch {
	case u.Relay.BaseURL != "":
	case f.RelayEnabled || f.PrimaryProvider == "relay":
		ld.wrong("upstreams.relay.base_url", "missing: set it with --relay URL, CUTOVER_RELAY or in the file, or set flags.relay-enabled to false")
	default:
		ld.checkIdleModels("upstreams.relay.", &u.Relay.Models)
	}
}

func (ld *loading) checkUpstream(name string, u *UpstreamConfig) {
	key := "upstreams." + name + "."
	if u.BaseURL != "" {
		if err := CheckBaseURL(u.BaseURL); err != "" {
			ld.wrong(key+"base_url", "%s", err)
		}
	}
	ld.word(key+"copy.user", u.Copy.User, "drop", "hash", "keep")
	ld.word(key+"copy.metadata", u.Copy.Metadata, "drop", "keep")
	https := strings.HasPrefix(strings.ToLower(u.BaseURL), "https:")
	switch u.Protocol {
	case "auto", "http1":
	case "h2":
		if u.BaseURL != "" && !https {
			ld.wrong(key+"protocol", "h2 needs TLS, and base_url is no https URL: for HTTP/2 without TLS write h2c")
		}
	case "h2c":
		if https {
			ld.wrong(key+"protocol", "h2c is HTTP/2 without TLS, and base_url is an https URL: write h2 or auto")
		}
	default:
		ld.word(key+"protocol", u.Protocol, "auto", "http1", "h2", "h2c")
	}
	if name == "relay" && u.Auth.Kind == AuthPassthrough && !ld.config.Upstreams.Rehearsal {
		ld.wrong(key+"auth", "passthrough would hand every caller's key for the primary to the relay: give the relay a key of its own, such as {key: {env: RELAY_API_KEY}}, or none")
	}
	if u.Auth.Kind == AuthHeader && !isToken(u.Auth.Name) {
		ld.wrong(key+"auth", "header.name is no name of an HTTP header")
	}
	if u.CA != "" {
		ld.checkCA(key+"ca", u.CA)
	}
	ld.checkModels(key, &u.Models)
	for _, model := range slices.Sorted(maps.Keys(u.Prices)) {
		if p := u.Prices[model]; p.Input < 0 || p.Output < 0 {
			ld.wrong(key+"prices", "the price of %s is negative", wording.Quote(model))
		}
	}
}

// CheckBaseURL says what is wrong, without repeating what may be a key.
func CheckBaseURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "" || !u.IsAbs():
		return "not an absolute URL: expected something like https://api.openai.com/v1"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("found the scheme %s, expected http or https", wording.Quote(u.Scheme))
	case u.User != nil:
		return "the URL carries a user or password: credentials belong into auth, as a secret"
	case u.Hostname() == "":
		return "the host is missing: expected something like https://api.openai.com/v1"
	case u.RawQuery != "" || u.ForceQuery:
		return "the URL has a query: callers' queries are passed on as they are; a key in the query belongs into auth: {query: {name: NAME, value: SECRET}}"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "the URL has a fragment (#...), which is never sent: leave it out"
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Sprintf("found the port %s, expected a number from 1 to 65535", wording.Quote(port))
		}
	}
	return ""
}

func (ld *loading) checkCA(key, path string) {
	pem, err := os.ReadFile(path)
	if err != nil {
		ld.wrong(key, "the file %s can't be read: %v", path, wording.WithoutPath(err))
		return
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		ld.wrong(key, "the file %s holds no PEM certificate", path)
	}
}

// checkLoops refuses upstreams that lead back here, and two upstreams that
// are one.
func (ld *loading) checkLoops() {
	up := &ld.config.Upstreams
	primary, relay := canonical(up.Primary.BaseURL), canonical(up.Relay.BaseURL)
	switch same := primary == relay; {
	case primary == "":
	case same && !up.Rehearsal:
		ld.wrong("upstreams.relay.base_url", "the same as upstreams.primary.base_url: there would be nothing to move or to compare; to rehearse with one provider set upstreams.rehearsal to true")
	case !same && up.Rehearsal:
		ld.wrong("upstreams.rehearsal", "true, and the two have a base_url each: leave it out where there are two providers")
	}
	for _, u := range []struct{ key, base string }{
		{"upstreams.primary.base_url", up.Primary.BaseURL},
		{"upstreams.relay.base_url", up.Relay.BaseURL},
	} {
		for _, l := range []struct{ key, addr string }{
			{"listen", ld.config.Listen}, {"admin.listen", ld.config.Admin.Listen},
		} {
			if leadsTo(u.base, l.addr) {
				ld.wrong(u.key, "leads back to this sidecar (%s is %s): requests would go round in a circle", l.key, l.addr)
			}
		}
	}
}

// canonical writes a base URL so that equal ones compare equal.
func canonical(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme) + "://" + strings.ToLower(u.Hostname()) + ":" + portOf(u) + strings.TrimRight(u.EscapedPath(), "/")
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case strings.EqualFold(u.Scheme, "https"):
		return "443"
	}
	return "80"
}

// leadsTo reports whether a base URL points at an address on which this
// process listens, as far as that can be told without asking DNS.
func leadsTo(base, listen string) bool {
	u, err := url.Parse(base)
	host, port, errListen := net.SplitHostPort(listen)
	if err != nil || errListen != nil || u.Host == "" || port == "0" || portOf(u) != port {
		return false
	}
	to := strings.ToLower(u.Hostname())
	if to == strings.ToLower(host) {
		return true
	}
	ip, err := netip.ParseAddr(to)
	local := to == "localhost" || err == nil && (ip.IsLoopback() || ip.IsUnspecified())
	bound, err := netip.ParseAddr(host)
	any := host == "" || err == nil && bound.IsUnspecified()
	return local && (any || isLoopback(listen) && (to == "localhost" || host == "localhost" || ip.IsUnspecified()))
}

// checkNumbers holds every number against its range: percentages are 0-100,
// the rest can't be negative.
func (ld *loading) checkNumbers() {
	for i := range ld.schema.leaves {
		l := &ld.schema.leaves[i]
		v := l.field(ld.config)
		var n float64
		switch v.Kind() {
		case reflect.Int, reflect.Int64:
			n = float64(v.Int())
		case reflect.Float64:
			n = v.Float()
		default:
			continue
		}
		switch {
		case strings.HasSuffix(l.key, "-percentage") && (n < 0 || n > 100):
			ld.wrong(l.key, "found %v, expected a number from 0 to 100", n)
		case strings.HasSuffix(l.key, ".error_rate") && (n <= 0 || n > 1), strings.HasSuffix(l.key, "_budget") && n > 1, strings.HasSuffix(l.key, ".retry.budget") && n > 1:
			ld.wrong(l.key, "found %v, expected a share from 0 to 1", n)
		case strings.HasSuffix(l.key, ".retry.attempts") && (n < 1 || n > 10):
			ld.wrong(l.key, "found %v, expected a number from 1 (no retries) to 10", n)
		case l.key == "shadow.max_concurrency" && n < 1:
			ld.wrong(l.key, "found %v, expected at least 1: to mirror nothing set flags.shadow-percentage to 0", n)
		case strings.HasSuffix(l.key, ".connections.ping") && n > 0 && n < float64(time.Second):
			ld.wrong(l.key, "found %v, expected 0 (never) or at least 1s: upstreams take more for an attack", time.Duration(n))
		case n < 0:
			ld.wrong(l.key, "found %v, expected 0 or more", n)
		}
	}
}

// checkKeepalive refuses an interval that would drown every answer in comments.
func (ld *loading) checkKeepalive() {
	const least = 50 * time.Millisecond
	if d := ld.config.Server.StreamKeepalive; d > 0 && d < least {
		ld.wrong("server.stream_keepalive", "found %s, expected 0 (never) or at least %s; 15s suits most balancers", d, least)
	}
}

// checkWords holds the keys that take one of a few words against their list.
func (ld *loading) checkWords() {
	c := ld.config
	ld.word("flags.primary-provider", c.Flags.PrimaryProvider, "primary", "relay")
	ld.word("server.models", c.Server.Models, "primary", "merged")
	ld.word("capture.mode", c.Capture.Mode, "full", "redacted", "hashes", "none")
	ld.word("log.format", c.Log.Format, "auto", "json", "console")
	levels := []string{"trace", "debug", "info", "warn", "error", zerolog.Disabled.String()}
	ld.word("log.level", c.Log.Level, levels...)
	if c.Headers.Tenant != "" && !isToken(c.Headers.Tenant) {
		ld.wrong("headers.tenant", "found %s, which is no name of an HTTP header", wording.Quote(c.Headers.Tenant))
	}
	if ns := c.Store.Namespace; ns == "" || strings.ContainsAny(ns, "{}: \t\r\n*?[]\\") {
		ld.wrong("store.namespace", "found %s, expected a name without blanks and without any of {}:*?[]\\", wording.Quote(ns))
	}
}

// checkExcludes refuses rules that mean nothing: a typing error there would let
// copies go out that somebody wanted to keep in.
func (ld *loading) checkExcludes() {
	if _, err := shadow.ParseExclude(ld.config.Shadow.Exclude); err != nil {
		for line := range strings.Lines(err.Error()) {
			ld.wrong("shadow.exclude", "%s", strings.TrimSpace(line))
		}
	}
}

func (ld *loading) word(key, found string, known ...string) {
	if slices.Contains(known, found) {
		return
	}
	if near := wording.Nearest(found, known); near != "" {
		ld.wrong(key, "found %s, expected one of %s: did you mean %s?", wording.Quote(found), wording.List(known), near)
		return
	}
	ld.wrong(key, "found %s, expected one of %s", wording.Quote(found), wording.List(known))
}

// isToken reports whether s can be the name of a header (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}

// checkSecret judges a fetched secret, in the ways in which keys are usually
// pasted wrongly, without repeating it.
func (ld *loading) checkSecret(s secretAt) {
	value, where := s.secret.Reveal(), s.secret.Where()
	switch {
	case s.key == "store.redis":
		if err := CheckRedisURL(value); err != nil {
			ld.problems.add(ld.origins[s.origin].where, s.key, "%s: %v", where, err)
		}
	case strings.HasPrefix(strings.ToLower(value), "bearer ") && !strings.Contains(s.key, ".header."):
		ld.problems.add(ld.origins[s.origin].where, s.key, `%s begins with "Bearer": it must hold the key alone`, where)
	case strings.HasSuffix(s.key, ".copy.key") && len(value) < 16:
		ld.problems.add(ld.origins[s.origin].where, s.key, "%s has %d bytes, expected at least 16", where, len(value))
	case strings.HasPrefix(value, `"`) || strings.HasPrefix(value, `'`):
		ld.problems.add(ld.origins[s.origin].where, s.key, "%s begins with a quotation mark: it must hold the key alone", where)
	}
}
