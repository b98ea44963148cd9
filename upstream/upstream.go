package upstream

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"cutover/exchange"
)

// Protocol is the version of HTTP spoken to an upstream.
type Protocol string

// The protocols. Auto is HTTP/2 where TLS negotiates it, else HTTP/1.1.
const (
	Auto  Protocol = "auto"
	HTTP1 Protocol = "http1"
	HTTP2 Protocol = "h2"
	H2C   Protocol = "h2c" // HTTP/2 without TLS, by prior knowledge
)

// Timeouts limit how long one call may be silent, and how long it may take. Zero
// means no limit.
type Timeouts struct {
	Connect    time.Duration // for TCP, and again for the TLS handshake
	Header     time.Duration // from the start of the request to the response's header
	Plain      time.Duration // the same if the response is not streamed; 0: as Header
	FirstToken time.Duration // from a stream's header to its first content
	Idle       time.Duration // silence inside a response
	Total      time.Duration // the whole call
}

// Config describes an upstream. Name and BaseURL are required.
type Config struct {
	Name     string
	Arm      exchange.Arm
	BaseURL  string
	Protocol Protocol
	Auth     Auth
	Models   Models
	Timeouts Timeouts
	CAFile   string        // PEM of roots to trust besides the system's
	MaxIdle  int           // idle connections kept; default 2048
	IdleTime time.Duration // how long they are kept; default 120 s
	// MaxAge is the age at which a connection gets no more calls; 0: it may have any.
	MaxAge time.Duration
	// Ping is the silence after which an HTTP/2 connection is pinged. Without a
	// reply within the same time (at most 15 s) the connection is closed. 0: 15 s;
	// negative: no pings.
	Ping time.Duration

	// FallbackOn lists the statuses of responses that another provider's should
	// replace: "429", "5xx". Nil: see defaultFallbackOn; empty: none.
	FallbackOn []string

	// Policies limit the calls and learn from them; nil: none.
	Policies *Policies

	// ShadowIdentity is what shadow requests may tell this upstream.
	ShadowIdentity ShadowPolicy

	// Forwarded adds X-Forwarded-For, -Host and -Proto to served calls.
	Forwarded bool

	// ForwardHeaders and ForwardQuery are the names of further headers and query
	// parameters that callers' requests bring to a relay.
	ForwardHeaders, ForwardQuery []string
	// Withheld counts what they do not bring; nil: an own count.
	Withheld *Withheld
}

// Upstream is one provider, ready to be called. It is safe for concurrent use
// and immutable after New.
type Upstream struct {
	cfg    Config
	scheme string
	host   string
	// inV1 replaces a path's leading /v1, and outside goes before any other path;
	// neither has a trailing slash.
	inV1, outside prefix
	transport     *http.Transport
	fallbackOn    Statuses
	http1         *generations // of transport
	pool          *connPool    // of HTTP/2 connections; nil: HTTP/1.1 only

	restricted bool // callers' requests are cut down to what forward allows
	forward    forwardRules
	withheld   *Withheld
}

type prefix struct{ plain, escaped string }

// New checks a configuration and builds the connection pool. It makes no call.
func New(c Config) (*Upstream, error) {
	base, err := parseBase(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: base_url: %w", c.Name, err)
	}
	c.ShadowIdentity = c.ShadowIdentity.withKey()
	u := &Upstream{cfg: c, scheme: base.Scheme, host: base.Host}
	esc := strings.TrimRight(base.EscapedPath(), "/")
	plain := strings.TrimRight(base.Path, "/")
	u.inV1 = prefix{plain, esc}
	u.outside = prefix{strings.TrimSuffix(plain, "/v1"), strings.TrimSuffix(esc, "/v1")}
	if u.transport, err = newTransport(c); err != nil {
		return nil, fmt.Errorf("upstream %s: %w", c.Name, err)
	}
	on := c.FallbackOn
	if on == nil {
		on = defaultFallbackOn()
	}
	if u.fallbackOn, err = ParseStatuses(on...); err != nil {
		return nil, fmt.Errorf("upstream %s: fallback_on: %w", c.Name, err)
	}
	u.pool = u.newHTTP2Pool()
	u.http1 = newGenerations(u.transport, c.MaxAge)
	u.restricted = c.Arm == exchange.Relay && c.Auth.Kind != Passthrough
	u.forward = newForwardRules(&c)
	if u.withheld = c.Withheld; u.withheld == nil {
		u.withheld = &Withheld{}
	}
	return u, nil
}

func parseBase(s string) (*url.URL, error) {
	if s == "" {
		return nil, errors.New("missing: give the URL that corresponds to the callers' /v1, such as https://api.openai.com/v1")
	}
	base, err := url.Parse(s)
	if err != nil {
		// url.Error repeats the text, which may hold a password.
		return nil, errors.New("not a URL: give scheme and host, such as https://api.openai.com/v1")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		return nil, errors.New("must begin with http:// or https:// and name a host")
	case base.User != nil:
		return nil, errors.New("must not hold a user or password: credentials go into auth")
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("must not have a query or fragment")
	}
	return base, nil
}

func newTransport(c Config) (*http.Transport, error) {
	connect := c.Timeouts.Connect
	dialer := &net.Dialer{
		Timeout: connect,
		// Detects within 30 s that the peer of a connection is gone while the
		// connection is idle or waits for a response.
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
	}
	t := &http.Transport{
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: connect,
		// The response's encoding is between the caller and the provider.
		DisableCompression:     true,
		MaxIdleConnsPerHost:    positive(c.MaxIdle, 2048),
		IdleConnTimeout:        positive(c.IdleTime, 120*time.Second),
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: 1 << 20,
		Proxy:                  http.ProxyFromEnvironment,
		Protocols:              new(http.Protocols),
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		HTTP2:                  http2Config(c),
	}
	switch c.Protocol {
	case Auto, "":
		t.Protocols.SetHTTP1(true)
		t.Protocols.SetHTTP2(true)
	case HTTP1:
		t.Protocols.SetHTTP1(true)
	case HTTP2:
		t.Protocols.SetHTTP2(true)
	case H2C:
		t.Protocols.SetUnencryptedHTTP2(true)
	default:
		return nil, fmt.Errorf("protocol %q is unknown: use auto, http1, h2 or h2c", c.Protocol)
	}
	if c.CAFile != "" {
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool() // a scratch image has no system roots
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s holds no PEM certificate", c.CAFile)
		}
		t.TLSClientConfig.RootCAs = pool
	}
	return t, nil
}

// positive is v if it is positive, else the default.
func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Name is the configured name.
func (u *Upstream) Name() string { return u.cfg.Name }

// Arm says whether this upstream is the primary or the relay.
func (u *Upstream) Arm() exchange.Arm { return u.cfg.Arm }

// Policies limit the calls and learn from them; nil: none.
func (u *Upstream) Policies() *Policies { return u.cfg.Policies }

// Secrets are the keys that this upstream is called with, for those who must not show them.
func (u *Upstream) Secrets() []string {
	secrets := []string{u.cfg.Auth.Key}
	if p := u.cfg.Policies; p != nil && p.Keys != nil {
		secrets = append(secrets, p.Keys.secrets()...)
	}
	for _, s := range secrets {
		if _, key, ok := strings.Cut(s, " "); ok { // "Token KEY", for a header of its own
			secrets = append(secrets, key)
		}
	}
	return secrets
}

// Withheld counts what callers sent and this upstream did not get.
func (u *Upstream) Withheld() *Withheld { return u.withheld }

// Timeouts are the configured limits.
func (u *Upstream) Timeouts() Timeouts { return u.cfg.Timeouts }

// Model maps the model's name in a request to this upstream's, by the request's
// use.
func (u *Upstream) Model(q *exchange.Request) Mapping {
	return u.cfg.Models.Map(q.Facts.Model, UseOf(q))
}

// Models is the map of model names.
func (u *Upstream) Models() *Models { return &u.cfg.Models }

// ShowsRequested reports whether the response to a request should name the model that
// the caller asked for, although the request went out with the name in m.
func (u *Upstream) ShowsRequested(q *exchange.Request, m Mapping) bool {
	return u.cfg.Models.ShowRequested && m.Name != q.Facts.Model &&
		q.Held && q.Facts.Valid && q.Endpoint.Kind == exchange.Inference
}

// Close closes idle connections, and the others when their calls have ended. No
// call can begin after it.
func (u *Upstream) Close() {
	if u.pool != nil {
		u.pool.close()
	}
	u.http1.close()
}
