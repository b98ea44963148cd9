package flags

import (
	"context"
	_ "embed" // for the scripts
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/internal/rediskeys"
)

//go:embed compare_and_set.lua
var compareAndSetLua string

//go:embed audit_backfill.lua
var auditBackfillLua string

// redisStore writes flags in Redis.
type redisStore struct {
	client        redis.UniversalClient
	keys          rediskeys.Names
	compareAndSet *redis.Script
	backfill      *redis.Script
	afterWrite    func() // called after each write; may be nil
}

// OpenRedisStore returns a writer of the flags in a Redis, for tools that need no
// Set. It connects on first use.
func OpenRedisStore(o RedisOptions) (Store, error) {
	t, err := o.parse()
	if err != nil {
		return nil, err
	}
	return newRedisStore(t), nil
}

func newRedisStore(t redisTarget) *redisStore {
	return &redisStore{
		client: t.connect(2, -1, nil), keys: t.keys,
		compareAndSet: redis.NewScript(compareAndSetLua), backfill: redis.NewScript(auditBackfillLua),
	}
}

func (s *redisStore) scriptKeys() []string {
	return []string{s.keys.Flags(), s.keys.FlagsVersion(), s.keys.FlagsAudit(), s.keys.FlagsMeta()}
}

// Close releases the connections.
func (s *redisStore) Close() error { return s.client.Close() }

// storedMeta is what the scripts keep about each value.
type storedMeta struct {
	Value   string `json:"v"`
	Who     string `json:"who"`
	Why     string `json:"why"`
	At      int64  `json:"at"` // Unix milliseconds
	Version uint64 `json:"version"`
}

// Fields returns what is stored.
func (s *redisStore) Fields(ctx context.Context) (Fields, error) {
	pipe := s.client.Pipeline()
	flags := pipe.HGetAll(ctx, s.keys.Flags())
	meta := pipe.HGetAll(ctx, s.keys.FlagsMeta())
	version := pipe.Get(ctx, s.keys.FlagsVersion())
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return Fields{}, storeError(err)
	}
	out := Fields{Values: make(map[string]Field, len(flags.Val()))}
	out.Version, _ = strconv.ParseUint(version.Val(), 10, 64)
	for key, value := range flags.Val() {
		f := Field{Value: value}
		var m storedMeta
		// A value that differs from the one last audited was set by hand, nobody
		// knows by whom.
		if json.Unmarshal([]byte(meta.Val()[key]), &m) == nil && m.Value == value {
			f.Who, f.Why, f.At, f.Version = m.Who, m.Why, time.UnixMilli(m.At).UTC(), m.Version
		}
		out.Values[key] = f
	}
	return out, nil
}

// Write makes a flip, by one script.
func (s *redisStore) Write(ctx context.Context, f Flip) ([]Entry, error) {
	f = f.normalized()
	shared, err := s.shared(ctx, f)
	if err != nil {
		return nil, err
	}
	if err := f.validate(shared); err != nil {
		return nil, err
	}
	args := []any{s.keys.FlagsEvents(), f.Who, f.Why, f.Undoes, auditMaxEntries, auditMaxAge.Milliseconds(),
		unauditedWho, unauditedWhy, maxValueBytes}
	for _, c := range f.Changes {
		args = append(args, changeArgs(c)...)
	}
	reply, err := s.compareAndSet.Run(ctx, s.client, s.scriptKeys(), args...).Slice()
	if err != nil {
		return nil, fmt.Errorf("%w (check the flags before you repeat the flip)", storeError(err))
	}
	entries, err := f.entries(reply)
	if s.afterWrite != nil && err == nil {
		s.afterWrite()
	}
	return entries, err
}

// shared fetches the shared rules if a definition of the flip needs them.
func (s *redisStore) shared(ctx context.Context, f Flip) (evaluators, error) {
	for _, c := range f.Changes {
		if c.Value == nil || !hasRef(*c.Value) {
			continue
		}
		raw, err := s.client.HGet(ctx, s.keys.Flags(), evaluatorsKey).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, storeError(err)
		}
		shared, _ := parseEvaluators(raw) // broken rules resolve nothing: validation reports what is missing
		return shared, nil
	}
	return nil, nil
}

func changeArgs(c Change) []any {
	out := []any{c.Key, "unset", "", "any", ""}
	if c.Value != nil {
		out[1], out[2] = "set", *c.Value
	}
	if c.Expect != nil {
		out[3], out[4] = "is", *c.Expect
		if *c.Expect == "" {
			out[3] = "none"
		}
	}
	return out
}

// entries parses the reply of the script.
func (f Flip) entries(reply []any) ([]Entry, error) {
	r := replyReader{items: reply}
	if r.text() == "conflict" {
		key, _, actual := r.text(), r.text(), r.text()
		e := &ConflictError{Key: key, Actual: actual}
		for _, c := range f.Changes {
			if c.Key == key && c.Expect != nil {
				e.Expected = *c.Expect
			}
		}
		return nil, e
	}
	version, at := uint64(r.number()), time.UnixMilli(r.number()).UTC()
	var entries []Entry
	for _, c := range f.Changes {
		if r.text() == "same" {
			continue
		}
		was := r.text() == "is"
		entries = append(entries, Entry{
			Key: c.Key, Old: pointer(r.text(), was), New: c.Value,
			Who: f.Who, Why: f.Why, At: at, Version: version, Undoes: f.Undoes,
		})
	}
	if r.broken {
		return nil, errors.New("redis: unexpected reply of the write script")
	}
	return entries, nil
}

// replyReader reads the reply of a script, item by item.
type replyReader struct {
	items  []any
	broken bool
}

func (r *replyReader) next() any {
	if len(r.items) == 0 {
		r.broken = true
		return nil
	}
	item := r.items[0]
	r.items = r.items[1:]
	return item
}

func (r *replyReader) text() string {
	s, ok := r.next().(string)
	r.broken = r.broken || !ok
	return s
}

func (r *replyReader) number() int64 {
	n, ok := r.next().(int64)
	r.broken = r.broken || !ok
	return n
}

// backfillAudit writes audit entries for changes made by hand, and returns how many
// there were.
func (s *redisStore) backfillAudit(ctx context.Context) (int, error) {
	return s.backfill.Run(ctx, s.client, s.scriptKeys(),
		s.keys.FlagsEvents(), unauditedWho, unauditedWhy, auditMaxEntries, maxValueBytes).Int()
}

// History returns the newest entries first.
func (s *redisStore) History(ctx context.Context, key string, limit int) ([]Entry, error) {
	const page = 500
	out, last := []Entry{}, "+"
	for len(out) < limit {
		messages, err := s.client.XRevRangeN(ctx, s.keys.FlagsAudit(), last, "-", page).Result()
		if err != nil {
			return nil, storeError(err)
		}
		for _, m := range messages {
			if e := entryOf(m.Values); (key == "" || e.Key == key) && len(out) < limit {
				out = append(out, e)
			}
		}
		if len(messages) < page {
			break
		}
		last = "(" + messages[len(messages)-1].ID
	}
	return out, nil
}

func entryOf(values map[string]any) Entry {
	text := func(name string) string { s, _ := values[name].(string); return s }
	optional := func(name string) *string { s, ok := values[name].(string); return pointer(s, ok) }
	e := Entry{
		Key: text("flag"), Old: optional("old"), New: optional("new"),
		Who: text("who"), Why: text("why"), Unaudited: text("unaudited") != "",
	}
	ms, _ := strconv.ParseInt(text("at"), 10, 64)
	e.At = time.UnixMilli(ms).UTC()
	e.Version, _ = strconv.ParseUint(text("version"), 10, 64)
	e.Undoes, _ = strconv.ParseUint(text("undoes"), 10, 64)
	return e
}

// UnavailableError says that the store can't be read or written now.
type UnavailableError struct {
	Code string // a fault's code: "unreachable", "denied", "wrong_type"
	Err  error
}

func (e *UnavailableError) Error() string { return redisFault(e.Err).reason }

// Unwrap returns the cause.
func (e *UnavailableError) Unwrap() error { return e.Err }

func storeError(err error) error {
	return &UnavailableError{Code: redisFault(err).code, Err: err}
}
