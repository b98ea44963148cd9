package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cutover/compare"
	"cutover/internal/wording"
)

// configFileLimit is the maximum size of the configuration file. A larger file is
// probably the wrong one.
const configFileLimit = 4 << 20

// Flags are the command-line flags that set a command's configuration.
type Flags struct {
	set    *pflag.FlagSet
	path   string
	values map[string]*string // by key
}

// AddFlags adds --config and the flags for single keys (--listen, --primary, ...)
// to a command's flags.
func AddFlags(set *pflag.FlagSet) *Flags {
	f := &Flags{set: set, values: map[string]*string{}}
	set.StringVar(&f.path, "config", "", "configuration file in YAML (also "+envConfig+")")
	for _, k := range keyRows() {
		if k.flag == "" {
			continue
		}
		usage := flagUsage(k)
		if k.def != "" {
			usage += " (default " + k.def + ")"
		}
		f.values[k.key] = set.String(k.flag, "", usage)
	}
	return f
}

// flagUsage names the kind of value and the key for --help.
func flagUsage(k keyRow) string {
	switch k.flag {
	case "primary":
		return "base `URL` of the provider that callers use today, such as https://api.openai.com/v1"
	case "relay":
		return "base `URL` of the provider to move to; its key is read from RELAY_API_KEY"
	case "listen":
		return "`address` that callers connect to"
	case "admin-listen":
		return "`address` of the console, API, metrics and health checks"
	case "redis":
		return "`URL` of the Redis that a fleet shares, such as redis://127.0.0.1:6379/0"
	case "data":
		return "`directory` of the embedded store and the last good flags"
	}
	return "PEM `file` for TLS with callers: " + k.key
}

// Loaded is a configuration with the origin of each value.
type Loaded struct {
	Config
	origins map[string]origin
}

// Load reads defaults, file, environment and flags, each overriding the one before,
// checks the result and fetches the secrets. The error, an *Error, lists everything
// that is wrong. The configuration is returned even with an error, as far as it
// could be read, so that it can be printed.
func (f *Flags) Load(env Environ) (*Loaded, error) {
	schema, err := newSchema()
	if err != nil {
		return nil, err
	}
	ld := &loading{
		schema:   schema,
		config:   &Config{},
		env:      env,
		origins:  map[string]origin{},
		problems: &problemList{},
	}
	ld.defaults()
	if path, from := f.file(env); path != "" {
		ld.file(path, from)
	}
	ld.environment()
	for i := range schema.leaves {
		l := &schema.leaves[i]
		if l.flag != "" && f.set.Changed(l.flag) {
			ld.text(l, *f.values[l.key], origin{fromFlag, "--" + l.flag})
		}
	}
	ld.relayKey()
	ld.unknownVariables()
	if !ld.unread {
		ld.check()
		ld.resolveSecrets()
	}
	return &Loaded{Config: *ld.config, origins: ld.origins}, ld.problems.err(ld.unread)
}

// file is the path of the configuration file and what named it.
func (f *Flags) file(env Environ) (path, from string) {
	if f.set.Changed("config") {
		return f.path, "--config"
	}
	path, _ = env.Lookup(envConfig)
	return path, envConfig
}

// loading is a configuration while it is being read.
type loading struct {
	schema   *schema
	config   *Config
	env      Environ
	origins  map[string]origin
	problems *problemList
	unread   bool // the file could not be read: missing keys may be in it
}

func (ld *loading) defaults() {
	for i := range ld.schema.leaves {
		l := &ld.schema.leaves[i]
		if l.def != "" {
			ld.text(l, l.def, origin{})
		}
	}
}

func (ld *loading) decoder(source func(line int) origin) *decoder {
	return &decoder{
		schema:  ld.schema,
		config:  ld.config,
		source:  source,
		report:  func(line int, key, text string) { ld.problems.add(source(line).where, key, "%s", text) },
		silence: ld.problems.silence,
		set:     func(key string, from origin) { ld.origins[key] = from },
	}
}

// file applies what the configuration file sets.
func (ld *loading) file(path, from string) {
	text, err := readConfigFile(path)
	if err != nil {
		ld.problems.add(from, "", "%v", err)
		ld.unread = true
		return
	}
	name := filepath.Base(path)
	d := ld.decoder(func(line int) origin {
		if line == 0 {
			return origin{fromFile, name}
		}
		return origin{fromFile, fmt.Sprintf("%s:%d", name, line)}
	})
	ld.unread = !d.document(text)
}

func readConfigFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("the configuration file %s does not exist", path)
	case err != nil:
		return nil, fmt.Errorf("the configuration file %s can't be read: %w", path, wording.WithoutPath(err))
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory: expected a configuration file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration file %s can't be read: %w", path, wording.WithoutPath(err))
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, configFileLimit+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration file %s can't be read: %w", path, wording.WithoutPath(err))
	}
	if len(text) > configFileLimit {
		return nil, fmt.Errorf("the configuration file %s is larger than %s", path, Size(configFileLimit))
	}
	return text, nil
}

// relayKey takes the relay's key from RELAY_API_KEY, if the environment has it and
// upstreams.relay.auth is not set.
func (ld *loading) relayKey() {
	// Callers may use either API format, with their keys in different headers, hence
	// AuthKey.
	const key, name = "upstreams.relay.auth", "RELAY_API_KEY"
	if ld.origins[key].kind != fromDefault {
		return
	}
	if v, _ := ld.env.Lookup(name); v != "" {
		ld.config.Upstreams.Relay.Auth = Auth{Kind: AuthKey, Secret: Secret{Env: name}}
		ld.origins[key] = origin{fromEnvironment, name}
	}
}

// secretAt is one secret of the configuration and its key.
type secretAt struct {
	key    string // of the secret itself
	origin string // key of the leaf that it belongs to
	secret *Secret
}

// secrets lists those that are set.
func (c *Config) secrets() []secretAt {
	var all []secretAt
	for _, s := range []secretAt{
		{"admin.token", "admin.token", &c.Admin.Token},
		{"upstreams.primary.auth." + c.Upstreams.Primary.Auth.key(), "upstreams.primary.auth", &c.Upstreams.Primary.Auth.Secret},
		{"upstreams.relay.auth." + c.Upstreams.Relay.Auth.key(), "upstreams.relay.auth", &c.Upstreams.Relay.Auth.Secret},
		{"store.redis", "store.redis", &c.Store.Redis.Ref},
		{"store.redis_password", "store.redis_password", &c.Store.RedisPassword},
		{"store.redis_sentinel_password", "store.redis_sentinel_password", &c.Store.RedisSentinelPassword},
		{"capture.key", "capture.key", &c.Capture.Key},
		{"upstreams.primary.shadow_identity.key", "upstreams.primary.shadow_identity.key", &c.Upstreams.Primary.ShadowIdentity.Key},
		{"upstreams.relay.shadow_identity.key", "upstreams.relay.shadow_identity.key", &c.Upstreams.Relay.ShadowIdentity.Key},
	} {
		if s.secret.IsSet() {
			all = append(all, s)
		}
	}
	return all
}

// resolveSecrets fetches every secret, once, at startup.
func (ld *loading) resolveSecrets() {
	for _, s := range ld.config.secrets() {
		if err := s.secret.resolve(ld.env, strings.Contains(s.key, ".auth.")); err != nil {
			ld.problems.add(ld.origins[s.origin].where, s.key, "%v", err)
			continue
		}
		ld.checkSecret(s)
	}
}

// LoadCriteria reads the criteria alone, from the file and the variables of the
// environment that serve would read: for commands that report on stored results
// without a sidecar. What else is wrong with the configuration does not matter.
func LoadCriteria(env Environ) (compare.Criteria, error) {
	loaded, err := AddFlags(pflag.NewFlagSet("criteria", pflag.ContinueOnError)).Load(env)
	var wrong *Error
	switch {
	case errors.As(err, &wrong):
		err = wrong.About("criteria.")
	case err != nil:
		return compare.Criteria{}, err
	}
	return loaded.Criteria, err
}
