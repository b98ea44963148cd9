package main

import (
	"context"
	"os"
	"os/user"
	"strings"

	"github.com/spf13/cobra"

	"cutover/flags"
)

// newFlagsCommand is `cutover flags` with its verbs.
func newFlagsCommand(con console) *cobra.Command {
	target := &flagsTarget{}
	cmd := &cobra.Command{
		Use:   "flags",
		Short: "Read and flip the flags that move traffic",
		Long: `flags reads and flips the flags: of a whole fleet in Redis (--redis), or of one
sidecar by its admin API (--admin). A flip is checked, compared before it is
set, in force at once, and kept in the audit with who, when and why.`,
		Example: `  cutover flags list
  cutover flags set relay-percentage 5 --reason "canary"
  cutover flags set relay-enabled false --reason "relay answers nonsense"   # the kill switch
  cutover flags undo
  cutover flags --redis redis://127.0.0.1:6379 watch
  cutover flags explain --key user-1 --model gpt-4o`,
	}
	p := cmd.PersistentFlags()
	p.StringVar(&target.Redis, "redis", "", "`URL` of the Redis that holds the fleet's flags: redis://, redis-sentinel://, redis-cluster:// (rediss... for TLS); default: $CUTOVER_REDIS")
	p.StringVar(&target.Admin, "admin", "", "admin `URL` of a running sidecar (default "+defaultAdmin+"); its token is read from "+adminTokenVariable)
	p.StringVar(&target.Namespace, "namespace", "", "which fleet in that Redis; default: $CUTOVER_NAMESPACE or default")
	p.StringVar(&target.TLS.CA, "redis-ca", "", "PEM `file` of the authorities that Redis' certificate comes from")
	p.StringVar(&target.TLS.Cert, "redis-cert", "", "PEM `file` of our own certificate for Redis")
	p.StringVar(&target.TLS.Key, "redis-key", "", "PEM `file` of its key")
	cmd.MarkFlagsMutuallyExclusive("redis", "admin")
	target.env = con.Env.get
	cmd.AddCommand(
		newFlagsListCommand(target), newFlagsGetCommand(target),
		newFlagsSetCommand(target, con), newFlagsUnsetCommand(target, con),
		newFlagsUndoCommand(target, con), newFlagsHistoryCommand(target),
		newFlagsHaltCommand(target, con), newFlagsResumeCommand(target, con),
		newFlagsExportCommand(target), newFlagsImportCommand(target, con),
		newFlagsWatchCommand(target), newFlagsExplainCommand(target),
	)
	return cmd
}

// flagsTarget is where the flags are that a command is about.
type flagsTarget struct {
	Redis, Admin, Namespace string
	TLS                     flags.TLSFiles
	env                     func(string) string
}

// flagsPlace is where flags live, as the command line sees it.
type flagsPlace interface {
	flags.Store
	list(ctx context.Context) (flagList, error)
	explain(ctx context.Context, a flags.Attributes) (flags.Explanation, error)
	// watch calls emit for each flip from now on, and with nil for a sign of life.
	watch(ctx context.Context, emit func(*flags.Entry) error) error
}

// open picks the place: what the command line says, else the Redis of the
// environment, else the sidecar on this machine.
func (t *flagsTarget) open() (flagsPlace, error) {
	url := t.Redis
	if url == "" && t.Admin == "" {
		url = t.env("CUTOVER_REDIS")
	}
	if url == "" {
		base := t.Admin
		if base == "" {
			base = defaultAdmin
		}
		return newAdminStore(base, t.env(adminTokenVariable))
	}
	o := flags.RedisOptions{URL: url, Namespace: t.Namespace, TLS: t.TLS}
	if o.Namespace == "" {
		o.Namespace = t.env("CUTOVER_NAMESPACE")
	}
	store, err := flags.OpenRedisStore(o)
	if err != nil {
		return nil, usagef("--redis: %v", err)
	}
	return redisPlace{store, o}, nil
}

// with opens the place for the time of one command.
func (t *flagsTarget) with(f func(flagsPlace) error) error {
	place, err := t.open()
	if err != nil {
		return err
	}
	err = f(place)
	if cerr := place.Close(); err == nil {
		err = cerr
	}
	return err
}

// whoAmI is user@host, for the audit.
func whoAmI(env func(string) string) string {
	name := env("USER")
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = u.Username
	}
	if name == "" {
		name = "somebody"
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}

// completeKeys offers the flags' keys, with their meaning.
func completeKeys(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var out []string
	switch len(args) {
	case 0:
		for _, d := range flags.Definitions() {
			out = append(out, d.Key+"\t"+d.Meaning)
		}
	case 1:
		for _, d := range flags.Definitions() {
			if d.Key == args[0] {
				out = d.Suggestions()
			}
		}
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// completeKey is completeKeys for commands that take a key alone.
func completeKey(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return completeKeys(cmd, args, typed)
}

// checkKey refuses a key that was probably mistyped. Keys of other programs'
// flags are fine once they exist, or when asked for.
func checkKey(key string, stored map[string]flags.Field, create bool) error {
	if _, ok := stored[key]; ok || create || strings.HasPrefix(key, "$") {
		return nil
	}
	for _, known := range flags.Keys() {
		if key == known {
			return nil
		}
	}
	return usagef("%v; --create makes a flag of your own", unknownFlag(key))
}
