package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"cutover/compare"
	"cutover/internal/rediskeys"
)

// Redis keeps what a whole fleet found, under the keys Results, Bucket, Sample
// and Samples of internal/rediskeys.
//
// The samples are in sorted sets and not in the stream, which could only keep
// the newest, and not the worst and the fair ones.
type Redis struct {
	client redis.UniversalClient
	o      Options
	keys   rediskeys.Names
	// process names this process's field in the buckets: it alone writes
	// there, so that summaries need no lock and merge when they are read.
	process string
	cipher  sampleCipher
	bad     atomic.Uint64

	mu  sync.Mutex
	own map[string]*compare.Summary // by bucket's key, what this process has put there
}

// redisTimeout bounds a call to Redis.
const redisTimeout = 5 * time.Second

// NewRedis uses a client that somebody else closes.
func NewRedis(client redis.UniversalClient, namespace string, o Options) (*Redis, error) {
	secret, err := newSampleCipher(o.Key)
	if err != nil {
		return nil, err
	}
	if o.Keep <= 0 {
		o.Keep = 1000
	}
	if o.KeepSummaries <= 0 {
		o.KeepSummaries = 90 * 24 * time.Hour
	}
	o.Retention = o.Retention.withDefaults()
	return &Redis{
		client: client, o: o, keys: rediskeys.In(namespace), process: randomID(),
		cipher: secret, own: map[string]*compare.Summary{},
	}, nil
}

// Close has nothing to do: the client is its owner's.
func (s *Redis) Close() error { return nil }

// Unreadable is how many entries could not be decoded so far.
func (s *Redis) Unreadable() uint64 { return s.bad.Load() }

func redisError(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("store: %s: Redis: %w", what, err)
}

// Put appends results to the stream. See Write.
func (s *Redis) Put(results ...compare.Result) error {
	if len(results) == 0 {
		return nil
	}
	return s.Write(results, nil, time.Time{})
}

// AddSummaries merges summaries into this process's share of their buckets. See Write.
func (s *Redis) AddSummaries(parts map[time.Time]*compare.Summary, now time.Time) error {
	return s.Write(nil, parts, now)
}

// Write appends results to the stream and merges sums into this process's share of their
// buckets, in one transaction. After an error the caller may write the same again: sums are
// set, not added, and a result that is in the stream twice is read once.
func (s *Redis) Write(results []compare.Result, sums map[time.Time]*compare.Summary, now time.Time) error {
	if s.o.ReadOnly || len(results)+len(sums) == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), redisTimeout)
	defer cancel()
	pipe := s.client.TxPipeline()
	for i := range results {
		b, err := json.Marshal(&results[i])
		if err != nil {
			return fmt.Errorf("store: result: %w", err)
		}
		// The cap is exact: with "about", Redis keeps up to a hundred more.
		pipe.XAdd(ctx, &redis.XAddArgs{Stream: s.keys.Results(), MaxLen: int64(s.o.Keep), Values: []any{"r", b}})
	}
	next, err := s.merge(ctx, pipe, sums, now)
	if err != nil {
		return err
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError(fmt.Sprintf("%d results not written", len(results)), err)
	}
	for key, whole := range next {
		s.own[key] = whole
	}
	s.forget(now)
	return nil
}

// merge queues the writes of sums, and returns what this process's buckets then hold. The
// caller holds mu.
func (s *Redis) merge(
	ctx context.Context, pipe redis.Pipeliner, parts map[time.Time]*compare.Summary, now time.Time,
) (map[string]*compare.Summary, error) {
	next := map[string]*compare.Summary{}
	for at, part := range parts {
		width, keep := fineBucket, s.o.KeepSummaries
		if at.Before(now.Add(-fineFor)) {
			width = hourBucket
		}
		key := s.keys.Bucket(at.Truncate(width).UTC().Format(time.RFC3339))
		whole := next[key]
		if whole == nil {
			whole = &compare.Summary{}
			if own := s.own[key]; own != nil {
				whole.Merge(*own)
			}
			next[key] = whole
		}
		whole.Merge(*part)
		b, err := json.Marshal(whole)
		if err != nil {
			return nil, fmt.Errorf("store: summary: %w", err)
		}
		pipe.HSet(ctx, key, s.process, b)
		pipe.ExpireAt(ctx, key, at.Add(keep))
	}
	return next, nil
}

// Results returns the latest results that match, oldest first.
func (s *Redis) Results(ctx context.Context, f Filter) ([]compare.Result, error) {
	entries, err := s.client.XRange(ctx, s.keys.Results(), "-", "+").Result()
	if err != nil {
		return nil, redisError("results", err)
	}
	var out []compare.Result
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		var r compare.Result
		text, _ := e.Values["r"].(string)
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			s.bad.Add(1)
			continue
		}
		if twice := seen[r.ID]; !twice && f.matches(&r) {
			seen[r.ID] = true
			out = append(out, r)
		}
	}
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[len(out)-f.Limit:]
	}
	return out, nil
}

// forget drops own buckets that no result will come for any more.
func (s *Redis) forget(now time.Time) {
	for key, whole := range s.own {
		if now.Sub(whole.All.Last) > time.Hour {
			delete(s.own, key)
		}
	}
}

// Summary merges all processes' summaries in the filter's scope.
func (s *Redis) Summary(ctx context.Context, f Filter) (compare.Summary, error) {
	var whole compare.Summary
	keys, err := s.buckets(ctx, f)
	if err != nil {
		return whole, err
	}
	for _, key := range keys {
		shares, err := s.client.HVals(ctx, key).Result()
		if err != nil {
			return compare.Summary{}, redisError("summary", err)
		}
		for _, text := range shares {
			var part compare.Summary
			if err := json.Unmarshal([]byte(text), &part); err != nil {
				s.bad.Add(1)
				continue
			}
			if !part.All.Last.Before(f.Since) {
				whole.Merge(part.Within(compare.Scope{Model: f.Model, Endpoint: f.Endpoint}))
			}
		}
	}
	return whole, nil
}

// buckets lists the keys of the buckets that may hold what a filter asks for.
func (s *Redis) buckets(ctx context.Context, f Filter) ([]string, error) {
	var keys []string
	prefix := s.keys.Bucket("")
	scan := func(ctx context.Context, c redis.Cmdable) error {
		it := c.Scan(ctx, 0, escapeGlob(prefix)+"*", 500).Iterator()
		for it.Next(ctx) {
			at, err := time.Parse(time.RFC3339, strings.TrimPrefix(it.Val(), prefix))
			if err == nil && !at.Before(f.Since.Truncate(hourBucket)) {
				keys = append(keys, it.Val())
			}
		}
		return it.Err()
	}
	var err error
	if cluster, ok := s.client.(*redis.ClusterClient); ok {
		// All keys share a hash tag, so one node has them all.
		var node *redis.Client
		if node, err = cluster.MasterForKey(ctx, prefix); err == nil {
			err = scan(ctx, node)
		}
	} else {
		err = scan(ctx, s.client)
	}
	slices.Sort(keys)
	// A scan may return a key twice.
	return slices.Compact(keys), redisError("summary", err)
}

// escapeGlob makes a prefix match itself in a SCAN pattern.
func escapeGlob(s string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`).Replace(s)
}

// trimSamples cuts a class's sorted set, and deletes the samples that are in no
// class any more. It is one step, so that two sidecars can't delete what the
// other has just listed.
//
// KEYS: the set to cut, then all sets. ARGV: cap, prefix of the samples' keys.
var trimSamples = redis.NewScript(`
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if over <= 0 then return 0 end
local gone = redis.call('ZRANGE', KEYS[1], 0, over - 1)
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, over - 1)
for _, id in ipairs(gone) do
  local kept = false
  for k = 2, #KEYS do
    if redis.call('ZSCORE', KEYS[k], id) then kept = true end
  end
  if not kept then redis.call('DEL', ARGV[2] .. id) end
end
return #gone
`)

// PutSamples stores samples and cuts the classes to their size. Age is left to
// Redis's own expiry.
func (s *Redis) PutSamples(ctx context.Context, entries []SampleEntry, now time.Time) error {
	// All classes list the samples before the first is cut: what falls out of
	// one may stand in another.
	if err := s.writeSamples(ctx, entries, now); err != nil {
		return redisError("samples not written", err)
	}
	var sets []string
	for _, c := range compare.Classes() {
		sets = append(sets, s.keys.Samples(string(c)))
	}
	for _, set := range sets {
		if err := trimSamples.Run(ctx, s.client, append([]string{set}, sets...), s.o.Retention.PerClass, s.keys.Sample("")).Err(); err != nil {
			return redisError("samples not cut", err)
		}
	}
	return s.trimBytes(ctx)
}

func (s *Redis) writeSamples(ctx context.Context, entries []SampleEntry, now time.Time) error {
	pipe := s.client.Pipeline()
	n := 0
	for i := range entries {
		r := &entries[i].Sample.Result
		left := s.o.Retention.Age - now.Sub(r.At)
		if left <= 0 {
			continue
		}
		b, err := json.Marshal(&entries[i].Sample)
		if err != nil {
			return err
		}
		if b, err = s.cipher.seal(b, r.ID); err != nil {
			return err
		}
		pipe.Set(ctx, s.keys.Sample(r.ID), b, left)
		for _, c := range entries[i].Classes {
			pipe.ZAdd(ctx, s.keys.Samples(string(c)), redis.Z{Score: float64(c.Score(r)), Member: r.ID})
		}
		n++
	}
	if n == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	return err
}

// trimBytes deletes the oldest samples while all together are too large. It
// asks Redis for lengths, so it is done once for each batch.
func (s *Redis) trimBytes(ctx context.Context) error {
	ids, err := s.sampleIDs(ctx)
	if err != nil {
		return err
	}
	pipe := s.client.Pipeline()
	sizes := make([]*redis.IntCmd, len(ids))
	for i, id := range ids {
		sizes[i] = pipe.StrLen(ctx, s.keys.Sample(id))
	}
	if len(ids) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return redisError("samples", err)
	}
	var total int64
	for _, n := range sizes {
		total += n.Val()
	}
	// Ids sort by time.
	slices.Sort(ids)
	lengths := map[string]int64{}
	for i, n := range sizes {
		lengths[ids[i]] = n.Val()
	}
	del := s.client.Pipeline()
	for _, id := range ids {
		if total <= s.o.Retention.Bytes {
			break
		}
		total -= lengths[id]
		del.Del(ctx, s.keys.Sample(id))
		for _, c := range compare.Classes() {
			del.ZRem(ctx, s.keys.Samples(string(c)), id)
		}
	}
	if del.Len() == 0 {
		return nil
	}
	_, err = del.Exec(ctx)
	return redisError("samples not deleted", err)
}

// sampleIDs lists the ids of all classes, each once.
func (s *Redis) sampleIDs(ctx context.Context) ([]string, error) {
	var ids []string
	for _, c := range compare.Classes() {
		more, err := s.client.ZRange(ctx, s.keys.Samples(string(c)), 0, -1).Result()
		if err != nil {
			return nil, redisError("samples", err)
		}
		ids = append(ids, more...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// Sample returns the sample of a pair.
func (s *Redis) Sample(ctx context.Context, id string) (compare.Sample, error) {
	b, err := s.client.Get(ctx, s.keys.Sample(id)).Bytes()
	if errors.Is(err, redis.Nil) {
		return compare.Sample{}, wrapSample(id, ErrNoSample)
	}
	if err != nil {
		return compare.Sample{}, redisError("sample", err)
	}
	sample, err := s.cipher.open(b, id)
	return sample, wrapSample(id, err)
}

// SampleResults lists the results of the kept samples that match, newest last.
func (s *Redis) SampleResults(ctx context.Context, f Filter) ([]compare.Result, error) {
	ids, err := s.sampleIDs(ctx)
	if err != nil {
		return nil, err
	}
	var out []compare.Result
	for _, id := range ids {
		sample, err := s.Sample(ctx, id)
		switch {
		case errors.Is(err, ErrNoSample):
			continue // it expired
		case errors.Is(err, ErrCorrupt):
			s.bad.Add(1)
			continue
		case err != nil:
			return nil, err
		}
		if f.matches(&sample.Result) {
			out = append(out, sample.Result)
		}
	}
	return newestLast(out, f.Limit), nil
}
