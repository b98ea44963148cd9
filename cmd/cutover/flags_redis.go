package main

import (
	"context"
	"errors"
	"sync"

	"github.com/rs/zerolog"

	"cutover/flags"
)

// redisPlace is the fleet's Redis, without a sidecar in between.
type redisPlace struct {
	flags.Store
	options flags.RedisOptions
}

// set reads the flags as a sidecar without configuration would. A Redis that
// can't be read is an error here: there is nothing to fall back on.
func (p redisPlace) set(ctx context.Context) (*flags.Set, error) {
	set, err := flags.Open(ctx, flags.Options{Redis: &p.options, Logger: zerolog.Nop()})
	if err != nil {
		return nil, err
	}
	if st := set.State(); st.Source == flags.FromConfiguration {
		return nil, errors.Join(errors.New(st.Reason), set.Close())
	}
	return set, nil
}

func (p redisPlace) list(ctx context.Context) (flagList, error) {
	set, err := p.set(ctx)
	if err != nil {
		return flagList{}, err
	}
	rows := flagsAPI{Set: set}.rows(ctx)
	return rows, set.Close()
}

func (p redisPlace) explain(ctx context.Context, a flags.Attributes) (flags.Explanation, error) {
	set, err := p.set(ctx)
	if err != nil {
		return flags.Explanation{}, err
	}
	return set.Explain(a), set.Close()
}

func (p redisPlace) watch(ctx context.Context, emit func(*flags.Entry) error) error {
	set, err := p.set(ctx)
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
	err = watchFlips(ctx, set, emit)
	cancel()
	running.Wait()
	return errors.Join(failed, err)
}
