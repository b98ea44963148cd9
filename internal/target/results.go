package target

import (
	"context"
	"errors"
	"time"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/config"
	"cutover/internal/store"
	"cutover/internal/usage"
)

// Report reads a report restricted by the filter.
func (t *Target) Report(ctx context.Context, f store.Filter, now time.Time) (report compare.Report, err error) {
	if t.online() {
		sidecar, err := t.Sidecar()
		if err != nil {
			return report, err
		}
		report, err = sidecar.Report(ctx, f)
		return report, errors.Join(err, sidecar.Close())
	}
	criteria, err := config.LoadCriteria(t.Env)
	if err != nil {
		return report, err
	}
	err = t.offline(func(db store.Backend) error {
		report, err = store.Report(ctx, db, f, criteria, now)
		return err
	})
	return report, err
}

// SampleResults reads the results of the matching samples, newest last.
func (t *Target) SampleResults(ctx context.Context, f store.Filter) (results []compare.Result, err error) {
	if t.online() {
		sidecar, err := t.Sidecar()
		if err != nil {
			return nil, err
		}
		results, err = sidecar.SampleResults(ctx, f)
		return results, errors.Join(err, sidecar.Close())
	}
	err = t.offline(func(db store.Backend) error {
		results, err = db.SampleResults(ctx, f)
		return err
	})
	return results, err
}

// Sample reads one sample.
func (t *Target) Sample(ctx context.Context, id string) (sample compare.Sample, err error) {
	if t.online() {
		sidecar, err := t.Sidecar()
		if err != nil {
			return sample, err
		}
		sample, err = sidecar.Sample(ctx, id)
		return sample, errors.Join(err, sidecar.Close())
	}
	err = t.offline(func(db store.Backend) error {
		sample, err = db.Sample(ctx, id)
		return err
	})
	return sample, err
}

// online reports whether the target is a running sidecar.
func (t *Target) online() bool { return t.Data == "" && t.Redis == "" }

// offline reads the results from their store, without a sidecar.
func (t *Target) offline(read func(store.Backend) error) error {
	o := store.Options{ReadOnly: true, Key: []byte(t.Env.Get(SamplesKeyVariable))}
	if t.Data != "" {
		db, err := store.Open(t.Data, o)
		if err != nil {
			return err
		}
		return errors.Join(read(db), db.Close())
	}
	redis := t.redisOptions(t.Redis)
	client, err := flags.DialRedis(redis)
	if err != nil {
		return usage.Errorf("--redis: %v", err)
	}
	db, err := store.NewRedis(client, redis.Namespace, o)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	return errors.Join(read(db), client.Close())
}
