package target

import (
	"context"
	"errors"
	"sync"

	"github.com/rs/zerolog"

	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/usage"
)

// Flags gives a command access to the flags of a target.
type Flags interface {
	flags.Store
	List(context.Context) (admin.FlagList, error)
	Explain(context.Context, flags.Attributes) (flags.Explanation, error)
	// Watch calls emit for each change from now on, and with nil as a heartbeat.
	Watch(ctx context.Context, emit func(*flags.Entry) error) error
}

// OpenFlags opens the flags of the target: the one on the command line, else the
// Redis in CUTOVER_REDIS, else the sidecar on this machine. Close them.
func (t *Target) OpenFlags() (Flags, error) {
	url := t.Redis
	if url == "" && t.Admin == "" {
		url = t.Env.Get("CUTOVER_REDIS")
	}
	if url == "" {
		return t.Sidecar()
	}
	o := t.redisOptions(url)
	store, err := flags.OpenRedisStore(o)
	if err != nil {
		return nil, usage.Errorf("--redis: %v", err)
	}
	return redisFlags{store, o}, nil
}

// WithFlags opens the flags for the duration of one command.
func (t *Target) WithFlags(use func(Flags) error) error {
	f, err := t.OpenFlags()
	if err != nil {
		return err
	}
	return errors.Join(use(f), f.Close())
}

// redisFlags are a fleet's flags in Redis, without a sidecar in between.
type redisFlags struct {
	flags.Store
	options flags.RedisOptions
}

// open reads the flags like a sidecar without configuration. A Redis that can't be
// read is an error here, because there is nothing to fall back on.
func (p redisFlags) open(ctx context.Context) (*flags.Set, error) {
	set, err := flags.Open(ctx, flags.Options{Redis: &p.options, Logger: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	if st := set.State(); st.Source == flags.FromConfiguration {
		return nil, errors.Join(errors.New(st.Reason), set.Close())
	}
	return set, nil
}

func (p redisFlags) List(ctx context.Context) (admin.FlagList, error) {
	set, err := p.open(ctx)
	if err != nil {
		return admin.FlagList{}, err
	}
	return admin.ListFlags(ctx, set), set.Close()
}

func (p redisFlags) Explain(ctx context.Context, a flags.Attributes) (flags.Explanation, error) {
	set, err := p.open(ctx)
	if err != nil {
		return flags.Explanation{}, err
	}
	return set.Explain(a), set.Close()
}

func (p redisFlags) Watch(ctx context.Context, emit func(*flags.Entry) error) error {
	set, err := p.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		failed = set.Run(ctx)
		cancel()
	})
	err = admin.WatchFlips(ctx, set, emit)
	cancel()
	running.Wait()
	return errors.Join(failed, err)
}
