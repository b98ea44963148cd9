package flags_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
)

const (
	fleetSize = 50
	flips     = 100 // of each kind that is answered in milliseconds
	outages   = 5   // of each kind that takes a second
)

// arrival is when a sidecar had a version of a flag in force.
type arrival struct {
	sidecar int
	value   string
	at      time.Time
}

// watchFleet reports each arrival of relay-percentage at each sidecar.
func watchFleet(b *testing.B, fleet []*flags.Set) <-chan arrival {
	arrivals := make(chan arrival, 100*len(fleet))
	for i, s := range fleet {
		updates, end := s.Subscribe()
		done := make(chan struct{})
		b.Cleanup(func() { end(); close(done) })
		go func() {
			for {
				select {
				case <-done:
					return
				case <-updates:
					at := time.Now()
					arrivals <- arrival{i, s.Views()[flags.RelayPercentage].Value, at}
				}
			}
		}()
	}
	return arrivals
}

// propagate makes flips and reports how long each took to be in force at
// each sidecar, from just before it was sent.
func propagate(b *testing.B, rounds int, fleet []*flags.Set, arrivals <-chan arrival, next func() string, flip func(value string)) {
	var took []time.Duration
	b.ResetTimer()
	for n := range rounds {
		value := next()
		seen := map[int]bool{}
		began := time.Now()
		flip(value)
		limit := time.NewTimer(10 * time.Second)
		for len(seen) < len(fleet) {
			select {
			case a := <-arrivals:
				if a.value == value && !seen[a.sidecar] {
					seen[a.sidecar] = true
					took = append(took, a.at.Sub(began))
				}
			case <-limit.C:
				b.Fatalf("flip %d reached %d of %d sidecars within 10 s", n, len(seen), len(fleet))
			}
		}
		limit.Stop()
	}
	b.StopTimer()
	slices.Sort(took)
	at := func(q float64) float64 { return took[int(q*float64(len(took)-1))].Seconds() * 1000 }
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(0, "ns/op") // the mean says nothing here
	_, _ = fmt.Fprintf(os.Stderr, "%-22s %6d arrivals at %d sidecars: p50 %8.2f ms   p99 %8.2f ms   max %8.2f ms\n",
		b.Name()[len("BenchmarkPropagation/"):], len(took), len(fleet), at(.5), at(.99), at(1))
}

func startFleet(b *testing.B, r *server, url string) []*flags.Set {
	fleet := make([]*flags.Set, fleetSize)
	for i := range fleet {
		fleet[i] = start(b, flags.Options{Redis: &flags.RedisOptions{URL: url}, Logger: zerolog.Nop()})
	}
	awaitSubscription(b, r, fleetSize)
	return fleet
}

// BenchmarkPropagation measures how soon a flip is in force at 50 sidecars:
//
//	go test -run '^$' -bench Propagation -benchtime 1x ./flags
func BenchmarkPropagation(b *testing.B) {
	r := startRedis(b)
	ctx := context.Background()
	store, err := flags.OpenRedisStore(flags.RedisOptions{URL: r.url()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	n := 0
	next := func() string { n++; return strconv.FormatFloat(float64(n%10_000)/100, 'f', -1, 64) } // a new value each time
	byCLI := func(value string) {
		if _, err := store.Write(ctx, set("relay-percentage", value)); err != nil {
			b.Fatal(err)
		}
	}
	byHand := func(value string) { r.do("HSET", flagsKey, "relay-percentage", value) }
	b.Run("flip-by-CLI", func(b *testing.B) {
		fleet := startFleet(b, r, r.url())
		propagate(b, flips, fleet, watchFleet(b, fleet), next, byCLI)
	})
	b.Run("bare-HSET", func(b *testing.B) {
		fleet := startFleet(b, r, r.url())
		propagate(b, flips, fleet, watchFleet(b, fleet), next, byHand)
	})
	b.Run("silent-TCP-drop", func(b *testing.B) {
		p := startProxy(b, r.Addr())
		fleet := startFleet(b, r, p.url())
		arrivals := watchFleet(b, fleet)
		propagate(b, outages, fleet, arrivals, next, func(value string) { p.drop(); byHand(value) })
	})
	b.Run("redis-restart", func(b *testing.B) {
		fleet := startFleet(b, r, r.url())
		arrivals := watchFleet(b, fleet)
		propagate(b, outages, fleet, arrivals, next, func(value string) {
			r.Kill()
			r.Restart()
			within(b, 5*time.Second, "Redis answers", func() bool { return r.cli.Ping(ctx).Err() == nil })
			byHand(value)
		})
	})
}
