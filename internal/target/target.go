// Package target is where a command reads or changes state: a running sidecar, the
// Redis of a fleet, or the data directory of a stopped sidecar.
package target

import (
	"github.com/spf13/pflag"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/config"
)

// SamplesKeyVariable is the environment variable with the encryption key of the
// samples, for commands that read them without a sidecar.
const SamplesKeyVariable = "CUTOVER_SAMPLES_KEY"

// Target says where. The zero value is the sidecar on this machine.
type Target struct {
	Admin     string // base URL of the admin API
	Redis     string // URL
	Data      string // data directory
	Namespace string // of the fleet in that Redis
	TLS       flags.TLSFiles
	Env       config.Environ
}

// AddFlags adds --admin, --redis and --namespace to a command's flags.
func (t *Target) AddFlags(set *pflag.FlagSet) {
	set.StringVar(&t.Admin, "admin", "",
		"admin `URL` of a running sidecar (default "+admin.DefaultURL+"); its token is read from "+admin.TokenVariable)
	set.StringVar(&t.Redis, "redis", "",
		"`URL` of the fleet's Redis: redis://, redis-sentinel://, redis-cluster:// (rediss... for TLS)")
	set.StringVar(&t.Namespace, "namespace", "", "`name` of the fleet in that Redis (default $CUTOVER_NAMESPACE, or \"default\")")
	set.StringVar(&t.TLS.CA, "redis-ca", "", "PEM `file` of the CAs that issued Redis' certificate")
	set.StringVar(&t.TLS.Cert, "redis-cert", "", "PEM `file` of the client certificate for Redis")
	set.StringVar(&t.TLS.Key, "redis-key", "", "PEM `file` of that certificate's key")
}

// AddDataFlag adds --data, for commands that can read a stopped sidecar's data.
func (t *Target) AddDataFlag(set *pflag.FlagSet) {
	set.StringVar(&t.Data, "data", "", "data `directory` of a stopped sidecar to read instead")
}

// Sidecar is a client for the running sidecar given by --admin, or the one on this
// machine.
func (t *Target) Sidecar() (*admin.Client, error) {
	base := t.Admin
	if base == "" {
		base = admin.DefaultURL
	}
	return admin.NewClient(base, t.Env.Get(admin.TokenVariable))
}

// redisOptions are the options for the Redis at url.
func (t *Target) redisOptions(url string) flags.RedisOptions {
	o := flags.RedisOptions{URL: url, Namespace: t.Namespace, TLS: t.TLS}
	if o.Namespace == "" {
		o.Namespace = t.Env.Get("CUTOVER_NAMESPACE")
	}
	return o
}
