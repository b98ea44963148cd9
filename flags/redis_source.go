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

// versionWarningFor is how long a version that went backwards is reported, unless
// somebody writes in the meantime.
const versionWarningFor = 10 * time.Second

// redisSource keeps a Set in sync with a hash in Redis. One goroutine reads it, on
// every change notification and once a second. Notifications that arrive during a
// read cause one more read, not many.
type redisSource struct {
	target   redisTarget
	reader   redis.UniversalClient
	store    *redisStore
	lastGood lastGoodFile
	watcher  *redisWatcher
	toSave   chan savedFlags // the newest flags to save; capacity 1
	degraded func(part, reason string)

	// Owned by the reading goroutine.
	version        uint64 // newest seen
	fields         map[string]string
	warnUntil      time.Time // report version_back until then,
	warnBelow      uint64    // while the version is below this
	backfillTimer  *time.Timer
	killLost       bool // see keepKillSwitch
	backfillDenied bool // this process may not write to Redis
}

func openRedis(o Options) (source, Store, error) {
	t, err := o.Redis.parse()
	if err != nil {
		return nil, nil, err
	}
	lastGood := openLastGood(o.DataDir)
	r := &redisSource{
		target:   t,
		reader:   t.connect(2, 1, nil),
		store:    newRedisStore(t),
		lastGood: lastGood,
		toSave:   make(chan savedFlags, 1),
		degraded: o.Degraded,
	}
	r.watcher = newRedisWatcher(t, r.reader, o.Logger)
	r.store.afterWrite = func() { r.watcher.requestReload(causeWrite) }
	return r, r.store, nil
}

func (r *redisSource) close() error {
	return errors.Join(r.reader.Close(), r.store.Close())
}

// start reads Redis once. If that fails it starts from the last good values on disk
// or, without any, from the configuration. The log says which.
func (r *redisSource) start(ctx context.Context, s *Set) error {
	got, err := r.read(ctx)
	kept, ok, derr := r.lastGood.load(r.target.keys.Flags())
	if err == nil {
		lost := got.version < kept.Version || len(got.fields) == 0 && got.version <= kept.Version
		if ok && (lost || kept.KillSwitchLost) {
			// Redis was flushed or restored while this sidecar was away.
			r.fields, r.version, r.killLost = kept.Fields, kept.Version, kept.KillSwitchLost
			s.update(reading{fields: kept.Fields, version: kept.Version, origin: FromDisk, readAt: kept.SavedAt})
		}
		if seed, bad := withoutBadFields(got.fields, kept.Fields); bad != nil {
			s.update(reading{fields: seed, version: got.version, origin: got.origin})
		}
		r.apply(s, got)
		s.log.Info().Uint64("version", got.version).Int("set", len(got.fields)).Msg("flags loaded from Redis")
		return nil
	}
	if derr != nil {
		s.log.Warn().Err(derr).Msg("the last good flags on disk are not usable")
	}
	f := redisFault(err)
	if ok {
		r.fields, r.version = kept.Fields, kept.Version
		s.update(reading{fields: kept.Fields, version: kept.Version, origin: FromDisk, readAt: kept.SavedAt})
		f.reason += fmt.Sprintf("; started from the last good flags on disk, version %d of %s", kept.Version, kept.SavedAt.Format(time.RFC3339))
	} else if derr != nil {
		// It may have held a kill switch.
		s.update(reading{fields: primaryOnly(), origin: FromConfiguration})
		f.reason += "; the last good ones on disk are damaged: nothing goes to the relay until Redis can be read"
	} else {
		f.reason += "; none on disk either: started from the configuration"
	}
	s.markStale(f)
	return nil
}

// read fetches the hash and its version in one round trip.
func (r *redisSource) read(ctx context.Context) (reading, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*(redisDialTimeout+redisReadTimeout))
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

// run keeps reading until ctx is done. It owns the goroutines that watch for changes
// and that save the last good values.
func (r *redisSource) run(ctx context.Context, s *Set) error {
	var others sync.WaitGroup
	others.Go(func() { r.watcher.run(ctx) })
	others.Go(func() { r.saveLoop(ctx, s) })
	defer others.Wait()
	poll := time.NewTimer(0)
	defer poll.Stop()
	r.backfillTimer = time.NewTimer(jitter(2 * pollInterval))
	defer r.backfillTimer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.watcher.wanted:
			cause := r.watcher.takePending(r.version)
			if cause == "" {
				continue
			}
			r.reload(ctx, s, cause)
		case <-poll.C:
			r.reload(ctx, s, causePoll)
		case <-r.backfillTimer.C:
			r.backfillAudit(ctx, s)
			continue
		}
		poll.Reset(jitter(pollInterval))
	}
}

// jitter spreads the polls of a fleet: 80 to 110 % of d.
func jitter(d time.Duration) time.Duration {
	return d*8/10 + rand.N(d*3/10)
}

// reload brings the set up to date with Redis, or marks it STALE.
func (r *redisSource) reload(ctx context.Context, s *Set, cause string) {
	got, err := r.read(ctx)
	if ctx.Err() != nil {
		return
	}
	s.metrics.reloads.WithLabelValues(cause).Inc()
	if err != nil {
		s.markStale(redisFault(err))
		return
	}
	changed := !maps.Equal(got.fields, r.fields)
	if changed && cause == causePoll {
		// The subscription should have reported the change earlier.
		r.watcher.resubscribe()
	}
	r.apply(s, got)
}

// apply passes a reading on to the set, unless the flags were lost by accident.
func (r *redisSource) apply(s *Set, got reading) {
	if len(got.fields) == 0 && len(r.fields) > 0 && got.version <= r.version {
		if got.version < r.version && r.killSwitchOff() && !r.killLost {
			r.killLost = true // writes to come may count up to the version from before
			r.queueSave(s)
		}
		s.markStale(&fault{codeEmptied, "the flags are gone from Redis (flushed, deleted or lost); " +
			"set them again, or import the last good ones"})
		return
	}
	wasLost := r.killLost
	r.keepKillSwitch(&got)
	counted := got.version > r.version // a writer that increments it also audits
	r.noteVersion(&got)
	same := maps.Equal(got.fields, r.fields)
	switch {
	case r.backfillTimer == nil: // run has not started
	case !same && !counted, got.version < r.version:
		r.backfillTimer.Reset(rand.N(pollInterval))
	case same && counted:
		r.backfillTimer.Stop() // another sidecar has audited it
	}
	unchanged := same && got.version == r.version && wasLost == r.killLost
	r.fields, r.version = got.fields, got.version
	s.update(got)
	if !unchanged {
		r.queueSave(s)
	}
}

// keepKillSwitch keeps relay-enabled off when Redis lost it: it was flushed, or a backup was
// restored, and then other flags were set. It stays off until somebody sets it.
func (r *redisSource) keepKillSwitch(got *reading) {
	key := RelayEnabled.Key()
	if _, set := got.fields[key]; set {
		r.killLost = false
		return
	}
	stored, was := r.fields[key]
	if !r.killSwitchOff() {
		r.killLost = r.killLost && was
		if !r.killLost {
			return
		}
	}
	if !r.killLost && got.version >= r.version {
		return // somebody unset it
	}
	r.killLost = true
	got.fields = maps.Clone(got.fields)
	got.fields[key] = stored
	got.warning = &fault{codeEmptied, key + " was false and is gone from Redis (flushed, or restored from a backup): " +
		"it stays false until it is set"}
}

// killSwitchOff reports whether the newest reading had relay-enabled off.
func (r *redisSource) killSwitchOff() bool {
	stored, was := r.fields[RelayEnabled.Key()]
	f, err := compileFlag(RelayEnabled.Key(), stored, nil)
	return was && err == nil && f.value == false
}

// noteVersion warns for a while when the version went backwards. What Redis holds is
// in force, as the rest of the fleet reads the same, but a failover or a restored
// backup may have lost writes.
func (r *redisSource) noteVersion(got *reading) {
	if got.version < r.version {
		r.warnBelow, r.warnUntil = got.version, time.Now().Add(versionWarningFor)
	}
	if got.version > r.warnBelow || time.Now().After(r.warnUntil) {
		return
	}
	if got.warning == nil {
		got.warning = &fault{codeVersion, "the version of the flags in Redis went backwards: the last flips may be lost " +
			"(after a failover or a restored backup); check the values"}
	}
}

// queueSave hands the fields in force to the goroutine that saves them. Only the
// newest are queued.
func (r *redisSource) queueSave(s *Set) {
	kept := savedFlags{Namespace: r.target.keys.Flags(), Version: r.version, SavedAt: time.Now().UTC(), Fields: s.effectiveFields(),
		KillSwitchLost: r.killLost}
	for {
		select {
		case r.toSave <- kept:
			return
		default:
		}
		select {
		case <-r.toSave:
		default:
		}
	}
}

// effectiveFields returns the fields in force; for a bad field, its last good value.
func (s *Set) effectiveFields() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.fields)
}

// saveLoop saves the last good values, apart from the goroutine that reads.
func (r *redisSource) saveLoop(ctx context.Context, s *Set) {
	failing := false
	for {
		var kept savedFlags
		select {
		case kept = <-r.toSave:
		case <-ctx.Done():
			select {
			case kept = <-r.toSave: // a last time
			default:
				return
			}
		}
		err := r.lastGood.save(kept)
		if err != nil && !failing {
			s.log.Warn().Err(err).Msg("the last good flags can't be saved: a restart without Redis would start from older ones")
		}
		if failing = err != nil; failing {
			r.degraded("flags", fmt.Sprintf("the last good flags can't be saved: %v", err))
		} else {
			r.degraded("flags", "")
		}
	}
}

// backfillAudit adds audit entries for changes made by hand.
func (r *redisSource) backfillAudit(ctx context.Context, s *Set) {
	if r.backfillDenied {
		return
	}
	limited, cancel := context.WithTimeout(ctx, redisDialTimeout+redisReadTimeout)
	defer cancel()
	n, err := r.store.backfillAudit(limited)
	switch {
	case err == nil || ctx.Err() != nil:
	case redisFault(err).code == codeDenied:
		r.backfillDenied = true
		s.log.Info().Msg("this process may not write to Redis: other sidecars audit the changes made by hand")
	default:
		r.backfillTimer.Reset(jitter(pollInterval))
	}
	if n > 0 {
		s.log.Warn().Int("changes", n).Msg("flags were changed by hand; audit entries were added")
	}
}
