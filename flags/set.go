package flags

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
	"github.com/open-feature/go-sdk/openfeature/isolated"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// Options say where flags come from. At most one of Redis and File may be set.
// With neither, flags are kept in DataDir, and without DataDir in memory.
type Options struct {
	// Initial holds the values from the configuration.
	Initial Values
	// Redis holds the flags of a fleet.
	Redis *RedisOptions
	// File is a flags file, plain or in flagd's format, YAML or JSON. It is watched
	// for changes, and written when flags are set through Store.
	File string
	// DataDir holds the last good values from Redis or, with neither Redis nor
	// File, the flags themselves (flags.yaml), and the local audit.
	DataDir string
	// hooks are OpenFeature hooks that run on each evaluation, set by tests: a
	// program registers its own with the SDK. With any hook, every
	// Decision goes through the SDK, at some 13 microseconds each.
	hooks []openfeature.Hook
	// Degraded is told why a part ("flags" or "audit") works less well than it should; nil:
	// nobody is.
	Degraded func(part, reason string)
	// Logger gets one line per change of a flag and per change of state.
	Logger zerolog.Logger
	// Registerer receives the metrics; nil: none.
	Registerer prometheus.Registerer
}

// Set holds the flags of one process. Its methods are safe for concurrent use.
type Set struct {
	current  atomic.Pointer[snapshot]
	client   *openfeature.Client
	hasHooks bool
	source   source
	store    Store
	log      zerolog.Logger
	metrics  *metrics
	base     map[string]*flag // defaults and configuration

	halt     atomic.Pointer[Halt] // nil: none
	haltPath string               // "": a halt ends with the process

	mu        sync.Mutex // guards the fields below, and swapping current
	fields    map[string]string
	shared    evaluators
	state     State
	listeners map[chan Update]struct{}
}

// source is where flags come from. Only its methods call update and markStale.
type source interface {
	// start delivers the first reading, or decides how to start without one.
	start(ctx context.Context, s *Set) error
	// run keeps the Set up to date until ctx is done.
	run(ctx context.Context, s *Set) error
	// close releases connections. run has ended or was never called.
	close() error
}

// reading is the content of a source at one moment.
type reading struct {
	fields  map[string]string
	version uint64
	origin  Origin
	warning *fault    // a fault that does not affect the fields
	readAt  time.Time // zero: now
}

// Update is one change of the snapshot.
type Update struct {
	Keys    []string // flags whose value or rule changed, sorted; empty if only the version or the state did
	Version uint64
	State   State
}

// Open compiles the configuration and loads the first values. It fails only for what
// an operator must correct: a value out of range in the configuration, a missing flags
// file, a malformed Redis URL. It does not fail if Redis is unavailable: meanwhile the
// last good values or, without any, the configuration are in force. Nor does it fail for
// damaged files: then the last good values are in force or, without any, nothing goes to
// the relay.
func Open(ctx context.Context, o Options) (*Set, error) {
	if o.Degraded == nil {
		o.Degraded = func(string, string) {}
	}
	if err := o.Initial.Validate(); err != nil {
		return nil, fmt.Errorf("flags: configuration: %w", err)
	}
	base, err := baseFlags(o.Initial)
	if err != nil {
		return nil, fmt.Errorf("flags: configuration: %w", err)
	}
	s := &Set{
		base:      base,
		hasHooks:  len(o.hooks) > 0,
		log:       o.Logger,
		fields:    map[string]string{},
		listeners: map[chan Update]struct{}{},
	}
	now := time.Now().UTC()
	s.state = State{Status: Ready, Since: now, ReadAt: now, Source: FromConfiguration}
	s.current.Store(newSnapshot(0, base, false))
	if s.metrics, err = newMetrics(o.Registerer, s); err != nil {
		return nil, fmt.Errorf("flags: metrics: %w", err)
	}
	if s.client, err = newClient(ctx, s, o.hooks); err != nil {
		return nil, fmt.Errorf("flags: OpenFeature client: %w", err)
	}
	if s.source, s.store, err = openSource(o); err != nil {
		return nil, fmt.Errorf("flags: %w", err)
	}
	s.loadHalt(o.DataDir)
	if err := s.source.start(ctx, s); err != nil {
		return nil, fmt.Errorf("flags: %w", errors.Join(err, s.source.close()))
	}
	return s, nil
}

func openSource(o Options) (source, Store, error) {
	switch {
	case o.Redis != nil && o.File != "":
		return nil, nil, errors.New("both Redis and a flags file are configured; choose one of them")
	case o.Redis != nil:
		return openRedis(o)
	}
	return openLocal(o)
}

// newClient binds an OpenFeature client to the set, in an API instance of its own:
// the SDK's global one belongs to the program that imports this package.
func newClient(ctx context.Context, s *Set, hooks []openfeature.Hook) (*openfeature.Client, error) {
	api := isolated.NewAPI()
	if err := api.SetProviderAndWait(ctx, evaluator{set: s}); err != nil {
		return nil, err
	}
	client := api.NewClient()
	client.AddHooks(hooks...)
	return client, nil
}

// Run keeps the flags up to date until ctx is done. It owns every goroutine of the
// set and returns once they have ended. Call it once.
func (s *Set) Run(ctx context.Context) error {
	err := s.source.run(ctx, s)
	if ctx.Err() != nil {
		err = nil
	}
	// Closing tells the other side goodbye, which fails when that has gone first: nothing
	// that was written depends on it.
	if cerr := s.source.close(); cerr != nil {
		s.log.Debug().Err(cerr).Msg("closing the connections of the flags")
	}
	return err
}

// Close releases what Open acquired, for a set whose Run is never called.
func (s *Set) Close() error { return s.source.close() }

// Store returns the writer of these flags.
func (s *Set) Store() Store { return s.store }

// update puts a reading in force. A bad field keeps its last good value and makes the
// set STALE. Readers see the whole update at once.
func (s *Set) update(r reading) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.current.Load()
	next, kept, problem := s.compile(r, old)
	if problem == nil {
		problem = r.warning
	}
	s.fields = kept
	changed := changedKeys(old.flags, next)
	s.recordRead(problem, r)
	if len(changed) > 0 || old.version != r.version || old.stale != (problem != nil) {
		s.current.Store(newSnapshot(r.version, next, problem != nil))
	}
	for _, key := range changed {
		s.logChange(key, old.flags[key], next[key], r.version)
	}
	s.metrics.read(problem, changed)
	if len(changed) > 0 || old.version != r.version {
		s.notify(Update{Keys: changed, Version: r.version, State: s.state})
	}
}

// compile overlays the base with the fields of a reading. It returns the flags, the
// fields in force (the last good ones in place of bad ones) and the first fault.
func (s *Set) compile(r reading, old *snapshot) (map[string]*flag, map[string]string, *fault) {
	next := maps.Clone(s.base)
	kept := make(map[string]string, len(r.fields))
	var problem *fault
	shared, sharedChanged, problem := s.compileShared(r, kept)
	for _, key := range slices.Sorted(maps.Keys(r.fields)) {
		if key == evaluatorsKey {
			continue
		}
		was := old.flags[key]
		f, err := compileOrReuse(was, key, r, shared, sharedChanged)
		if err != nil {
			problem = firstFault(problem, badField(err))
			good, held := s.fields[key]
			if !held {
				continue
			}
			f, kept[key] = was, good
		} else {
			kept[key] = r.fields[key]
		}
		next[key] = f
	}
	s.shared = shared
	return next, kept, problem
}

func (s *Set) compileShared(r reading, kept map[string]string) (evaluators, bool, *fault) {
	raw := r.fields[evaluatorsKey]
	if raw == s.fields[evaluatorsKey] {
		if raw != "" {
			kept[evaluatorsKey] = raw
		}
		return s.shared, false, nil
	}
	if raw == "" {
		return nil, true, nil
	}
	shared, err := parseEvaluators(raw)
	if err != nil {
		kept[evaluatorsKey] = s.fields[evaluatorsKey]
		return s.shared, false, badField(fmt.Errorf("%s: %w", evaluatorsKey, err))
	}
	kept[evaluatorsKey] = raw
	return shared, true, nil
}

// compileOrReuse returns the compiled flag as it is if nothing about it changed.
func compileOrReuse(was *flag, key string, r reading, shared evaluators, sharedChanged bool) (*flag, error) {
	raw := r.fields[key]
	if was != nil && was.raw == raw && was.origin == r.origin && !(was.shared && sharedChanged) {
		return was, nil
	}
	f, err := compileFlag(key, raw, shared)
	if err != nil {
		return nil, err
	}
	f.origin = r.origin
	return f, nil
}

func changedKeys(old, next map[string]*flag) []string {
	var keys []string
	for key, f := range next {
		if was := old[key]; was == nil || was != f && (was.raw != f.raw || was.shared || f.shared) {
			keys = append(keys, key)
		}
	}
	for key := range old {
		if next[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func (s *Set) logChange(key string, old, next *flag, version uint64) {
	describe := func(f *flag) string {
		if f == nil {
			return ""
		}
		return shorten(f.raw)
	}
	event := s.log.Info().Str("flag", key).Str("old", describe(old)).Str("new", describe(next)).Uint64("version", version)
	if next != nil {
		event = event.Stringer("source", next.origin)
	}
	event.Msg("flag changed")
}

// notify sends to the subscribers and never blocks.
func (s *Set) notify(u Update) {
	for c := range s.listeners {
		select {
		case c <- u:
		default:
			s.metrics.dropped.Inc()
		}
	}
}

// Subscribe returns a channel of updates and the function that ends it. A subscriber
// more than 16 updates behind misses some; the values are always those of the newest
// snapshot.
func (s *Set) Subscribe() (<-chan Update, func()) {
	c := make(chan Update, 16)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners[c] = struct{}{}
	return c, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listeners, c)
	}
}
