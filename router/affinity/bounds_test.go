package affinity

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"cutover/exchange"
)

func TestTableQueueIsBounded(t *testing.T) {
	t.Parallel()
	a := New(Config{Store: newIDs(), queueSize: 10})
	for i := range 100 {
		a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, fmt.Sprintf(`{"id":"file-%d"}`, i)))
	}
	if s := a.State(); s.Waiting != 10 || s.Dropped != 90 || s.Memory != 100 {
		t.Errorf("State = %+v", s)
	}
}

// One process stores only so many ids in an hour; the others are in its memory.
func TestStoredIDsAreBoundedByTime(t *testing.T) {
	t.Parallel()
	a := New(Config{Store: newIDs(), perHour: 10})
	for i := range 100 {
		a.Learn(request("POST", "/v1/files", ""), response(exchange.Relay, 200, fmt.Sprintf(`{"id":"file-%d"}`, i)))
	}
	if s := a.State(); s.Waiting != 10 || s.Dropped != 90 || s.Memory != 100 {
		t.Errorf("State = %+v", s)
	}
}

// Memory stays within its bound, and keeps what is asked for.
func TestTableMemoryIsBounded(t *testing.T) {
	t.Parallel()
	m := newCache(3200)
	now := time.Now()
	m.put("asked-for", exchange.Relay, owned, now.Add(time.Hour))
	for i := range 100_000 {
		m.put(fmt.Sprintf("file-%d", i), exchange.Primary, owned, now.Add(time.Hour))
		if i%10 == 0 {
			if arm, f := m.get("asked-for", now); f != owned || arm != exchange.Relay {
				t.Fatalf("after %d others it is forgotten", i)
			}
		}
	}
	if n := m.size(); n > 3200+2*cacheShards || n < 1600 {
		t.Errorf("%d ids held, room for 3,200", n)
	}
	if _, f := m.get("asked-for", now.Add(2*time.Hour)); f != notCached {
		t.Error("known beyond its time")
	}
}

func TestTableUnderAStorm(t *testing.T) {
	t.Parallel()
	a := New(Config{Store: newIDs(), cacheSize: 1000, maxLookups: 2})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(i), 5))
			for range 2000 {
				n := r.IntN(3000)
				arm := exchange.Arm(n % 2)
				if r.IntN(2) == 0 {
					a.Learn(request("POST", "/v1/files", ""), response(arm, 200, fmt.Sprintf(`{"id":"file-%d"}`, n)))
				} else if p := a.Find(ctx, request("GET", fmt.Sprintf("/v1/files/file-%d", n), "")); p.Binding == ToOwner && p.Owner != arm {
					t.Errorf("file-%d is sent to the %v", n, p.Owner)
				}
			}
		})
	}
	wg.Wait()
	cancel()
	<-ended
	if s := a.State(); s.Learned != s.Stored+s.Dropped || s.Waiting != 0 {
		t.Errorf("State = %+v", s)
	}
}
