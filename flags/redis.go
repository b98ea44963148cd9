package flags

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// versionBackFor is how long a version that went backwards is reported, if
// nobody writes meanwhile.
const versionBackFor = 10 * time.Second

// redisSource keeps a Set equal to a hash in Redis. One goroutine reads it, on
// any hint and each second; hints that come while it reads make one more
// reading, not many.
type redisSource struct {
	target redisTarget
	reader redis.UniversalClient
	store  *redisStore
	kept   lastGood
	hints  *hints
	save   chan keptFlags // newest to save; capacity 1

	// Owned by the reading goroutine.
	version   uint64 // newest seen
	fields    map[string]string
	backUntil time.Time // version_back is reported until then,
	backFrom  uint64    // while the version is below this
	adoptAt   *time.Timer
	adoptOff  bool // Redis does not let us
}

func openRedis(o Options) (source, Store, error) {
	t, err := o.Redis.parse()
	if err != nil {
		return nil, nil, err
	}
	kept, err := openLastGood(o.DataDir)
	if err != nil {
		return nil, nil, err
	}
	r := &redisSource{
		target: t,
		reader: t.connect(2, 1, nil),
		store:  newRedisStore(t),
		kept:   kept,
		save:   make(chan keptFlags, 1),
	}
	r.hints = newHints(t, r.reader, o.Logger)
	r.store.after = func() { r.hints.wake(causeWrite) }
	return r, r.store, nil
}

func (r *redisSource) close() error {
	return errors.Join(r.reader.Close(), r.store.Close())
}

// start reads Redis once; if that fails, the last good values on disk rule, and
// without them the configuration. Each is said plainly.
func (r *redisSource) start(ctx context.Context, s *Set) error {
	got, err := r.read(ctx)
	if err == nil {
		r.takeOver(s, got)
		s.log.Info().Uint64("version", got.version).Int("set", len(got.fields)).Msg("flags start from Redis")
		return nil
	}
	kept, ok, derr := r.kept.load(r.target.keys.Flags())
	if derr != nil {
		s.log.Warn().Err(derr).Msg("the last good flags on disk can't be used")
	}
	f := redisFault(err)
	if ok {
		r.fields, r.version = kept.Fields, kept.Version
		s.accept(reading{fields: kept.Fields, version: kept.Version, origin: FromDisk, readAt: kept.SavedAt})
		f.reason += fmt.Sprintf("; started from the last good flags on disk, version %d of %s", kept.Version, kept.SavedAt.Format(time.RFC3339))
	} else {
		f.reason += "; nothing on disk either: started from configuration"
	}
	s.fail(f)
	return nil
}

// read fetches the hash and its version in one round trip.
func (r *redisSource) read(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*(redisDial+redisRead))
	defer cancel()
	pipe := r.reader.Pipeline()
	fields := pipe.HGetAll(ctx, r.target.keys.Flags())
	version := pipe.Get(ctx, r.target.keys.FlagsVersion())
	_, err := pipe.Exec(ctx)
	if fields.Err() != nil {
		return reading{}, fields.Err()
	}
	got := reading{fields: fields.Val(), origin: FromRedis}
	if verr := version.Err(); errors.Is(verr, redis.Nil) {
		return got, nil
	} else if verr != nil {
		f := redisFault(verr)
		if f.code == codeUnreachable {
			return reading{}, verr
		}
		got.version, got.warning = r.version, f
		return got, nil
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return reading{}, err
	}
	got.version, err = strconv.ParseUint(version.Val(), 10, 64)
	if err != nil {
		got.version, got.warning = r.version, &fault{codeWrongType, "the version key in Redis is not a number; delete it"}
	}
	return got, nil
}

// run reads until ctx is done. It owns the goroutines that bring hints and that
// save the last good values.
func (r *redisSource) run(ctx context.Context, s *Set) error {
	var helpers sync.WaitGroup
	helpers.Go(func() { r.hints.run(ctx) })
	helpers.Go(func() { r.keep(ctx, s) })
	defer helpers.Wait()
	poll := time.NewTimer(0)
	defer poll.Stop()
	r.adoptAt = time.NewTimer(jitter(2 * pollEvery))
	defer r.adoptAt.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.hints.woken:
			cause := r.hints.take(r.version)
			if cause == "" {
				continue
			}
			r.reload(ctx, s, cause)
		case <-poll.C:
			r.reload(ctx, s, causePoll)
		case <-r.adoptAt.C:
			r.recordUnaudited(ctx, s)
			continue
		}
		poll.Reset(jitter(pollEvery))
	}
}

// jitter spreads a fleet's polls: 80 to 110 % of d.
func jitter(d time.Duration) time.Duration {
	return d*8/10 + rand.N(d*3/10)
}

// reload makes the set equal to Redis, or STALE.
func (r *redisSource) reload(ctx context.Context, s *Set, cause string) {
	got, err := r.read(ctx)
	if ctx.Err() != nil {
		return
	}
	s.metrics.hints.WithLabelValues(cause).Inc()
	if err != nil {
		s.fail(redisFault(err))
		return
	}
	changed := !maps.Equal(got.fields, r.fields)
	if changed && cause == causePoll {
		// The subscription should have told us before.
		r.hints.replace()
	}
	r.takeOver(s, got)
}

// takeOver accepts a reading, unless it is the emptiness after an accident.
func (r *redisSource) takeOver(s *Set, got reading) {
	if len(got.fields) == 0 && len(r.fields) > 0 && got.version <= r.version {
		s.fail(&fault{codeEmptied, "the flags are gone from Redis (flushed, deleted or lost); " +
			"set them again, or import the last good ones"})
		return
	}
	counted := got.version > r.version // a writer that counts also records
	r.noteVersion(&got)
	same := maps.Equal(got.fields, r.fields)
	switch {
	case r.adoptAt == nil: // before run
	case !same && !counted, got.version < r.version:
		r.adoptAt.Reset(rand.N(pollEvery))
	case same && counted:
		r.adoptAt.Stop() // another sidecar has recorded it
	}
	unchanged := same && got.version == r.version
	r.fields, r.version = got.fields, got.version
	s.accept(got)
	if !unchanged {
		r.offer(s)
	}
}

// noteVersion warns for a while when the version went backwards: what Redis
// holds rules, since it is what the rest of the fleet reads, but writes may have
// been lost in a failover or by restoring a backup.
func (r *redisSource) noteVersion(got *reading) {
	if got.version < r.version {
		r.backFrom, r.backUntil = got.version, time.Now().Add(versionBackFor)
	}
	if got.version > r.backFrom || time.Now().After(r.backUntil) {
		return
	}
	if got.warning == nil {
		got.warning = &fault{codeVersion, "the version of the flags in Redis went backwards: the last flips may be lost " +
			"(a failover, or a backup restored); check the values"}
	}
}

// offer hands the fields that rule to the goroutine that saves them. Only the
// newest waits.
func (r *redisSource) offer(s *Set) {
	kept := keptFlags{Namespace: r.target.keys.Flags(), Version: r.version, SavedAt: time.Now().UTC(), Fields: s.ruling()}
	for {
		select {
		case r.save <- kept:
			return
		default:
		}
		select {
		case <-r.save:
		default:
		}
	}
}

// ruling returns the fields in force: a bad one as it was when it was good.
func (s *Set) ruling() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.fields)
}

// keep saves the last good values, away from the goroutine that reads.
func (r *redisSource) keep(ctx context.Context, s *Set) {
	failing := false
	for {
		var kept keptFlags
		select {
		case kept = <-r.save:
		case <-ctx.Done():
			select {
			case kept = <-r.save: // one last time
			default:
				return
			}
		}
		err := r.kept.save(kept)
		if err != nil && !failing {
			s.log.Warn().Err(err).Msg("the last good flags can't be saved; a restart without Redis would start from older ones")
		}
		failing = err != nil
	}
}

// recordUnaudited has changes by hand written to the audit.
func (r *redisSource) recordUnaudited(ctx context.Context, s *Set) {
	if r.adoptOff {
		return
	}
	limited, cancel := context.WithTimeout(ctx, redisDial+redisRead)
	defer cancel()
	n, err := r.store.recordUnaudited(limited)
	switch {
	case err == nil || ctx.Err() != nil:
	case redisFault(err).code == codeDenied:
		r.adoptOff = true
		s.log.Info().Msg("Redis does not let this process write: changes by hand are recorded by others")
	default:
		r.adoptAt.Reset(jitter(pollEvery))
	}
	if n > 0 {
		s.log.Warn().Int("changes", n).Msg("flags were changed by hand; recorded in the audit as such")
	}
}
