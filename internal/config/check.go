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

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/wording"
	"cutover/shadow"
)

// check validates the values once all sources are read. It skips keys that were
// already reported during reading.
func (ld *loading) check() {
	c := ld.config
	ld.checkListen("listen", c.Listen)
	ld.checkListen("admin.listen", c.Admin.Listen)
	if c.Listen == c.Admin.Listen && !strings.HasSuffix(c.Listen, ":0") {
		ld.wrong("admin.listen", "the same address as listen: give each its own port")
	}
	if !isLoopback(c.Admin.Listen) && !c.Admin.Token.IsSet() {
		ld.wrong("admin.token", "missing, but required because %s can be reached from other machines: "+
			"set it to {env: NAME} or {file: PATH}, or set CUTOVER_ADMIN_TOKEN", c.Admin.Listen)
	}
	ld.checkTLS()
	ld.checkUpstream("primary", &c.Upstreams.Primary)
	ld.checkUpstream("relay", &c.Upstreams.Relay)
	ld.checkPresence()
	ld.checkLoops()
	ld.checkNumbers()
	ld.checkCriteria()
	ld.checkKeepalive()
	ld.checkWords()
	ld.checkExcludes()
	for _, name := range []string{"primary", "relay"} {
		u := &c.Upstreams.Primary
		if name == "relay" {
			u = &c.Upstreams.Relay
		}
		if _, err := exchange.ParseToolSet(u.HostedTools); err != nil {
			ld.wrong("upstreams."+name+".hosted_tools", "%v", err)
		}
	}
	if c.Store.Redis.Plain != "" {
		if err := CheckRedisURL(c.Store.Redis.Plain); err != nil {
			ld.wrong("store.redis", "%v", err)
		}
	}
	if c.Store.Dir == "" {
		ld.wrong("store.dir", "missing: set a directory for the last good flags, and for results if there is no Redis")
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

// isLoopback reports whether an address can only be reached from this machine.
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
		ld.wrong("tls.cert", "missing: tls.key is set, but TLS needs both")
		return
	case t.Key == "":
		ld.wrong("tls.key", "missing: tls.cert is set, but TLS needs both")
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		ld.wrong("tls.cert", "certificate and key can't be used: %v", err)
	}
}

// checkPresence reports missing keys that serving requires.
func (ld *loading) checkPresence() {
	u, f := &ld.config.Upstreams, &ld.config.Flags
	if u.Primary.BaseURL == "" {
		ld.wrong("upstreams.primary.base_url",
			"missing: set it with --primary URL, CUTOVER_PRIMARY or in the file (for OpenAI: https://api.openai.com/v1)")
	}
	switch {
	case u.Relay.BaseURL != "":
	case *f.RelayEnabled || *f.PrimaryProvider == "relay":
		ld.wrong("upstreams.relay.base_url",
			"missing: set it with --relay URL, CUTOVER_RELAY or in the file, or set flags.relay-enabled to false")
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
	ld.word(key+"shadow_identity.user", u.ShadowIdentity.User, "drop", "hash", "keep")
	ld.word(key+"shadow_identity.metadata", u.ShadowIdentity.Metadata, "drop", "keep")
	https := strings.HasPrefix(strings.ToLower(u.BaseURL), "https:")
	switch u.Protocol {
	case "auto", "http1":
	case "h2":
		if u.BaseURL != "" && !https {
			ld.wrong(key+"protocol", "h2 needs TLS, but base_url is not an https URL: for HTTP/2 without TLS use h2c")
		}
	case "h2c":
		if https {
			ld.wrong(key+"protocol", "h2c is HTTP/2 without TLS, but base_url is an https URL: use h2 or auto")
		}
	default:
		ld.word(key+"protocol", u.Protocol, "auto", "http1", "h2", "h2c")
	}
	if name == "relay" && u.Auth.Kind == AuthPassthrough && !ld.config.Upstreams.SameProvider {
		ld.wrong(key+"auth", "passthrough would send every caller's key for the primary to the relay: "+
			"use a separate key such as {key: {env: RELAY_API_KEY}}, or none")
	}
	if u.Auth.Kind == AuthHeader && !isToken(u.Auth.Name) {
		ld.wrong(key+"auth", "header.name is not a valid HTTP header name")
	}
	if u.CA != "" {
		ld.checkCA(key+"ca", u.CA)
	}
	ld.checkModels(key, &u.Models)
	for _, model := range slices.Sorted(maps.Keys(u.Prices)) {
		if p := u.Prices[model]; p.Input < 0 || p.Output < 0 {
			ld.wrong(key+"prices", "the price of %s is negative: expected 0 or more", wording.Quote(model))
		}
	}
}

// CheckBaseURL says what is wrong with a base URL, "" if nothing is. It does not
// repeat parts that may contain a key.
func CheckBaseURL(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme == "" || u.Opaque != "" || !u.IsAbs():
		return "not an absolute URL: expected a URL such as https://api.openai.com/v1"
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Sprintf("found the scheme %s, expected http or https", wording.Quote(u.Scheme))
	case u.User != nil:
		return "the URL contains a user name or password: put credentials in auth, as a secret"
	case u.Hostname() == "":
		return "the host is missing: expected a URL such as https://api.openai.com/v1"
	case u.RawQuery != "" || u.ForceQuery:
		return "the URL has a query string: remove it, callers' own queries are passed on; " +
			"for a key in the query use auth: {query: {name: NAME, value: SECRET}}"
	case u.Fragment != "" || strings.Contains(text, "#"):
		return "the URL has a fragment (#...), which is never sent: remove it"
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
		ld.wrong(key, "the file %s contains no PEM certificate", path)
	}
}

// checkLoops rejects upstreams that point back at this sidecar, and two upstreams
// that are the same one.
func (ld *loading) checkLoops() {
	up := &ld.config.Upstreams
	primary, relay := canonical(up.Primary.BaseURL), canonical(up.Relay.BaseURL)
	switch same := primary == relay; {
	case primary == "":
	case same && !up.SameProvider:
		ld.wrong("upstreams.relay.base_url", "the same as upstreams.primary.base_url: there would be nothing to compare; "+
			"for a trial run with one provider set upstreams.same_provider to true")
	case !same && up.SameProvider:
		ld.wrong("upstreams.same_provider", "true, but the two base_url differ: remove it if there are two providers")
	}
	for _, u := range []struct{ key, base string }{
		{"upstreams.primary.base_url", up.Primary.BaseURL},
		{"upstreams.relay.base_url", up.Relay.BaseURL},
	} {
		for _, l := range []struct{ key, addr string }{
			{"listen", ld.config.Listen}, {"admin.listen", ld.config.Admin.Listen},
		} {
			if leadsTo(u.base, l.addr) {
				ld.wrong(u.key, "points back at this sidecar (%s is %s), which would be a loop: set the provider's URL", l.key, l.addr)
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

// leadsTo reports whether a base URL points at an address that this process
// listens on, as far as can be told without DNS.
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

// checkNumbers checks every number against its range: percentages are 0-100,
// and nothing can be negative.
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
		case strings.HasSuffix(l.key, ".error_rate") && (n <= 0 || n > 1),
			strings.HasSuffix(l.key, "_budget") && n > 1, strings.HasSuffix(l.key, ".retry.budget") && n > 1:
			ld.wrong(l.key, "found %v, expected a share from 0 to 1", n)
		case strings.HasSuffix(l.key, ".retry.attempts") && (n < 1 || n > 10):
			ld.wrong(l.key, "found %v, expected a number from 1 (no retries) to 10", n)
		case l.key == "shadow.max_concurrency" && n < 1:
			ld.wrong(l.key, "found %v, expected at least 1: to turn mirroring off set flags.shadow-percentage to 0", n)
		case strings.HasSuffix(l.key, ".connections.ping") && n > 0 && n < float64(time.Second):
			ld.wrong(l.key, "found %v, expected 0 (never) or at least 1s: providers treat more frequent pings as an attack", time.Duration(n))
		case n < 0:
			ld.wrong(l.key, "found %v, expected 0 or more", n)
		}
	}
}

// checkCriteria rejects numbers that no report could decide by.
func (ld *loading) checkCriteria() {
	for _, c := range compare.CriterionTable() {
		if v := *c.Of(&ld.config.Criteria); !(v > 0 && v <= c.Most) {
			ld.wrong("criteria."+c.Key, "found %v, expected a number above 0 and at most %v", v, c.Most)
		}
	}
}

// checkKeepalive rejects an interval that would flood every response with comments.
func (ld *loading) checkKeepalive() {
	const least = 50 * time.Millisecond
	if d := ld.config.Server.StreamKeepalive; d > 0 && d < least {
		ld.wrong("server.stream_keepalive", "found %s, expected 0 (never) or at least %s; 15s suits most load balancers", d, least)
	}
}

// checkWords checks the keys that accept only certain words.
func (ld *loading) checkWords() {
	c := ld.config
	for _, d := range flags.Definitions() {
		if len(d.Allowed) > 0 {
			ld.word(flagKey(d), ld.schema.byKey[flagKey(d)].field(c).String(), d.Allowed...)
		}
	}
	ld.word("server.models", c.Server.Models, "primary", "merged")
	ld.word("server.websockets", c.Server.WebSockets, "primary", "refuse")
	ld.word("capture.mode", c.Capture.Mode, "full", "redacted", "hashes", "none")
	ld.word("log.format", c.Log.Format, "auto", "json", "console")
	levels := []string{"trace", "debug", "info", "warn", "error", zerolog.Disabled.String()}
	ld.word("log.level", c.Log.Level, levels...)
	if c.Headers.Tenant != "" && !isToken(c.Headers.Tenant) {
		ld.wrong("headers.tenant", "found %s, which is not a valid HTTP header name", wording.Quote(c.Headers.Tenant))
	}
	if ns := c.Store.Namespace; ns == "" || strings.ContainsAny(ns, "{}: \t\r\n*?[]\\") {
		ld.wrong("store.namespace", "found %s, expected a name without spaces and without any of {}:*?[]\\", wording.Quote(ns))
	}
}

// checkExcludes rejects rules that match nothing: because of a typo there, requests
// would be mirrored that somebody wanted excluded.
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

// checkSecret checks a fetched secret for the usual copy-and-paste mistakes. Its
// messages do not repeat the secret.
func (ld *loading) checkSecret(s secretAt) {
	value, where := s.secret.Reveal(), s.secret.Where()
	switch {
	case s.key == "store.redis":
		if err := CheckRedisURL(value); err != nil {
			ld.problems.add(ld.origins[s.origin].where, s.key, "%s: %v", where, err)
		}
	case strings.HasPrefix(strings.ToLower(value), "bearer ") && !strings.Contains(s.key, ".header."):
		ld.problems.add(ld.origins[s.origin].where, s.key, `%s starts with "Bearer": it must contain only the key`, where)
	case strings.HasSuffix(s.key, ".shadow_identity.key") && len(value) < 16:
		ld.problems.add(ld.origins[s.origin].where, s.key, "%s has %d bytes, expected at least 16", where, len(value))
	case strings.HasPrefix(value, `"`) || strings.HasPrefix(value, `'`):
		ld.problems.add(ld.origins[s.origin].where, s.key, "%s starts with a quotation mark: it must contain only the key", where)
	}
}
