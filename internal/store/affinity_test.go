package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.etcd.io/bbolt"
)

// affinities is what both implementations promise.
type affinities interface {
	Owners(ctx context.Context, ids []string) ([]string, error)
	SetOwner(ctx context.Context, owner string, ids []string, keep time.Duration) error
}

// eachAffinity runs a test on both implementations. again opens the same one
// as another process would; pass lets time go by.
func eachAffinity(t *testing.T, test func(t *testing.T, again func() affinities, pass func(time.Duration))) {
	t.Run("bbolt", func(t *testing.T) {
		dir := t.TempDir()
		var last *Store
		ahead := time.Duration(0)
		test(t, func() affinities {
			if last != nil {
				_ = last.Close()
			}
			last = open(t, dir, Options{})
			a := last.Affinity()
			a.now = func() time.Time { return time.Now().Add(ahead) }
			return a
		}, func(d time.Duration) { ahead += d })
	})
	t.Run("redis", func(t *testing.T) {
		client := startRedis(t)
		test(t, func() affinities { return NewRedisAffinity(client, "") }, func(d time.Duration) { sooner(t, client, d) })
	})
}

// sooner moves the expiry of every key.
func sooner(t *testing.T, client *redis.Client, d time.Duration) {
	t.Helper()
	keys, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		left, err := client.PTTL(t.Context(), k).Result()
		if err != nil || left <= 0 {
			t.Fatalf("%s has no expiry: %v, %v", k, left, err)
		}
		if err := client.PExpire(t.Context(), k, left-d).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func owners(t *testing.T, a affinities, ids ...string) []string {
	t.Helper()
	got, err := a.Owners(t.Context(), ids)
	if err != nil || len(got) != len(ids) {
		t.Fatalf("Owners(%v) = %v, %v", ids, got, err)
	}
	return got
}

func setOwner(t *testing.T, a affinities, owner string, keep time.Duration, ids ...string) {
	t.Helper()
	if err := a.SetOwner(t.Context(), owner, ids, keep); err != nil {
		t.Fatal(err)
	}
}

func TestAffinity(t *testing.T) {
	eachAffinity(t, func(t *testing.T, again func() affinities, pass func(time.Duration)) {
		a := again()
		if got := owners(t, a, "file-1"); got[0] != "" {
			t.Errorf("an empty store knows %q", got)
		}
		owners(t, a)
		setOwner(t, a, "https://relay.example/v1", time.Hour)
		setOwner(t, a, "https://relay.example/v1", time.Hour, "file-1", "batch_1", "file-1")
		setOwner(t, a, "https://api.example/v1", 2*time.Hour, "file-2")
		want := []string{"https://api.example/v1", "", "https://relay.example/v1", "https://relay.example/v1"}
		if got := owners(t, a, "file-2", "file-3", "batch_1", "file-1"); !slices.Equal(got, want) {
			t.Errorf("Owners = %v, want %v", got, want)
		}
		a = again()
		if got := owners(t, a, "file-2", "file-3", "batch_1", "file-1"); !slices.Equal(got, want) {
			t.Errorf("Owners after a restart = %v, want %v", got, want)
		}
		setOwner(t, a, "https://api.example/v1", 3*time.Hour, "batch_1") // the last word counts
		pass(61 * time.Minute)
		if got := owners(t, a, "file-1", "file-2", "batch_1"); !slices.Equal(got, []string{"", "https://api.example/v1",
			"https://api.example/v1"}) {
			t.Errorf("Owners after an hour = %v", got)
		}
		setOwner(t, a, "https://relay.example/v1", time.Hour, "file-1")
		if got := owners(t, a, "file-1"); got[0] != "https://relay.example/v1" {
			t.Errorf("an id that came again = %v", got)
		}
	})
}

// What is over goes, and of more than there is room for what ends first.
func TestAffinityIsBounded(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	a := s.Affinity()
	now := testStart
	a.now, a.keep = func() time.Time { return now }, 100
	for i := range 300 {
		setOwner(t, a, "relay", time.Duration(1+i%150)*time.Minute, fmt.Sprintf("file-%d", i%250))
	}
	counts := func() (n [2]int, sequence uint64) {
		t.Helper()
		err := s.view(func(tx *bbolt.Tx) error {
			for i, name := range [][]byte{bucketOwners, bucketOwnersExpiry} {
				n[i] = tx.Bucket(name).Stats().KeyN
			}
			sequence = tx.Bucket(bucketOwnersExpiry).Sequence()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return n, sequence
	}
	if n, sequence := counts(); n != [2]int{100, 100} || sequence != 100 {
		t.Errorf("%d ids, counted as %d, want 100", n, sequence)
	}
	now = now.Add(1000 * time.Minute)
	setOwner(t, a, "relay", time.Minute, "file-new")
	if n, sequence := counts(); n != [2]int{1, 1} || sequence != 1 {
		t.Errorf("%d ids, counted as %d, want one: all others are over", n, sequence)
	}
}

func TestAffinityWithoutItsStore(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	_ = s.Close()
	a := s.Affinity()
	if _, err := a.Owners(t.Context(), []string{"file-1"}); err == nil {
		t.Error("a closed store answers")
	}
	if err := a.SetOwner(t.Context(), "relay", []string{"file-1"}, time.Hour); err == nil {
		t.Error("a closed store takes ids")
	}
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1", MaxRetries: -1, DialerRetries: 1})
	defer func() { _ = client.Close() }()
	r := NewRedisAffinity(client, "fleet")
	if _, err := r.Owners(t.Context(), []string{"file-1"}); err == nil {
		t.Error("a Redis that is away answers")
	}
	if err := r.SetOwner(t.Context(), "relay", []string{"file-1"}, time.Hour); err == nil {
		t.Error("a Redis that is away takes ids")
	}
}
