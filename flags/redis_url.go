package flags

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"

	"cutover/internal/rediskeys"
)

// RedisOptions say which Redis holds the flags, and how to connect to it.
type RedisOptions struct {
	// URL is one of
	//	redis://[user[:password]@]host:port[/db]
	//	redis-sentinel://[user[:password]@]host:port,host:port.../master[/db]
	//	redis-cluster://[user[:password]@]host:port,host:port...
	// and, with TLS, rediss://, rediss-sentinel:// and rediss-cluster://.
	// The default port is 6379, for Sentinels 26379. unix:///path works too.
	URL string
	// Username and Password override those in the URL, where a password should
	// not be.
	Username string
	Password string
	// SentinelUsername and SentinelPassword are for the Sentinels themselves.
	SentinelUsername string
	SentinelPassword string
	// TLS replaces the system's certificate authorities, or adds a client
	// certificate. Only with the TLS forms of URL.
	TLS TLSFiles
	// Namespace separates fleets in one Redis; "" is rediskeys.DefaultNamespace.
	Namespace string
}

// TLSFiles are paths of PEM files; "" is the system's default.
type TLSFiles struct {
	CA        string // certificate authorities to trust instead of the system's
	Cert, Key string // client certificate
}

// config loads the files.
func (f TLSFiles) config(host string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if f.CA != "" {
		pem, err := os.ReadFile(f.CA)
		if err != nil {
			return nil, fmt.Errorf("redis TLS: certificate authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis TLS: %s contains no PEM certificate", f.CA)
		}
	}
	if (f.Cert == "") != (f.Key == "") {
		return nil, errors.New("redis TLS: a client certificate needs both its certificate and its key file")
	}
	if f.Cert != "" {
		pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
		if err != nil {
			return nil, fmt.Errorf("redis TLS: client certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// topology is the kind of deployment behind a URL.
type topology uint8

const (
	standalone topology = iota
	sentinel
	cluster
)

// redisTarget is a parsed RedisOptions.
type redisTarget struct {
	topology topology
	network  string // "tcp" or "unix"
	addrs    []string
	master   string // the name that the Sentinels know it by
	db       int
	username string
	password string
	tls      *tls.Config

	sentinelUsername string
	sentinelPassword string
	keys             rediskeys.Names
}

// parse validates the options. Its errors never contain the URL, which may hold a
// password.
func (o RedisOptions) parse() (redisTarget, error) {
	t := redisTarget{
		network: "tcp", username: o.Username, password: o.Password,
		sentinelUsername: o.SentinelUsername, sentinelPassword: o.SentinelPassword,
	}
	if strings.ContainsAny(o.Namespace, "{}:*? \t\r\n") {
		return t, fmt.Errorf("redis namespace %q: letters, digits, dots and dashes only", o.Namespace)
	}
	t.keys = rediskeys.In(o.Namespace)
	scheme, rest, ok := strings.Cut(o.URL, "://")
	if !ok {
		return t, errors.New("redis URL: no scheme; write redis://host:port")
	}
	secure := strings.HasPrefix(scheme, "rediss")
	switch scheme {
	case "redis", "rediss":
	case "redis-sentinel", "rediss-sentinel":
		t.topology = sentinel
	case "redis-cluster", "rediss-cluster":
		t.topology = cluster
	case "unix":
		t.network = "unix"
	default:
		return t, fmt.Errorf("redis URL: unknown scheme %q; one of redis, redis-sentinel, redis-cluster (rediss... with TLS), unix", scheme)
	}
	rest, err := t.parseUserinfo(rest)
	if err != nil {
		return t, err
	}
	if err := t.parseHosts(rest); err != nil {
		return t, err
	}
	if !secure {
		if o.TLS != (TLSFiles{}) {
			return t, errors.New("redis: TLS files are configured, but the URL is without TLS; write rediss instead of redis")
		}
		return t, nil
	}
	host := ""
	if t.topology != cluster && t.topology != sentinel { // which lead to hosts beyond those of the URL
		host, _, _ = net.SplitHostPort(t.addrs[0])
	}
	t.tls, err = o.TLS.config(host)
	return t, err
}

// parseUserinfo parses "user:password@" and returns the rest.
func (t *redisTarget) parseUserinfo(rest string) (string, error) {
	authority, path, slash := strings.Cut(rest, "/")
	at := strings.LastIndex(authority, "@")
	if at < 0 {
		return rest, nil
	}
	user, password, _ := strings.Cut(authority[:at], ":")
	user, err1 := url.PathUnescape(user)
	password, err2 := url.PathUnescape(password)
	if err1 != nil || err2 != nil {
		return "", errors.New("redis URL: user name or password is not percent-encoded correctly")
	}
	if t.username == "" {
		t.username = user
	}
	if t.password == "" {
		t.password = password
	}
	rest = authority[at+1:]
	if slash {
		rest += "/" + path
	}
	return rest, nil
}

// parseHosts parses hosts, master name and database number.
func (t *redisTarget) parseHosts(rest string) error {
	if t.network == "unix" {
		t.addrs = []string{rest}
		return nil
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if strings.ContainsAny(rest, "?#") {
		return errors.New("redis URL: options after ? are not supported; use the configuration's keys")
	}
	port := "6379"
	if t.topology == sentinel {
		port = "26379"
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host = strings.TrimSpace(host); host == "" {
			return errors.New("redis URL: a host is missing")
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		t.addrs = append(t.addrs, host)
	}
	if t.topology == standalone && len(t.addrs) > 1 {
		return errors.New("redis URL: several hosts; write redis-sentinel:// or redis-cluster://")
	}
	return t.parsePath(strings.Trim(path, "/"))
}

func (t *redisTarget) parsePath(path string) error {
	if t.topology == sentinel {
		t.master, path, _ = strings.Cut(path, "/")
		if t.master == "" {
			return errors.New("redis URL: the master's name is missing; write redis-sentinel://host:port,host:port/NAME")
		}
	}
	if path == "" {
		return nil
	}
	if t.topology == cluster {
		return errors.New("redis URL: a Cluster has no database numbers")
	}
	db, err := strconv.Atoi(path)
	if err != nil || db < 0 {
		return fmt.Errorf("redis URL: database %q is not a number", shorten(path))
	}
	t.db = db
	return nil
}
