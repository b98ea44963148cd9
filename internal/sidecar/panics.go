package sidecar

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// restartPause is how long background work that ended in a panic rests before it
// is started again: what makes it panic may still be there.
const restartPause = time.Second

// keepRunning runs background work until ctx is done. A panic in it is reported
// and the work started again: callers are served meanwhile. An error ends it.
func (s *Sidecar) keepRunning(ctx context.Context, what string, work func(context.Context) error) error {
	for {
		panicked, err := s.runOnce(ctx, what, work)
		if !panicked || ctx.Err() != nil {
			return err
		}
		pause := time.NewTimer(restartPause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
}

// runOnce runs work and turns a panic in it into a report.
func (s *Sidecar) runOnce(ctx context.Context, what string, work func(context.Context) error) (panicked bool, err error) {
	defer func() {
		if v := recover(); v != nil {
			panicked = true
			s.panicked(what, v, debug.Stack())
		}
	}()
	return false, work(ctx)
}

// panicked reports a panic that ended a piece of background work and nothing
// else. Its value may hold what came from outside, so that only its type is told;
// the stack holds none of it.
func (s *Sidecar) panicked(where string, value any, stack []byte) {
	s.panics.WithLabelValues(where).Inc()
	s.log.Error().Str("where", where).Str("type", fmt.Sprintf("%T", value)).Bytes("stack", stack).
		Msg("a panic was caught, please report it; callers are served on")
}

func newPanicCounter(registerer prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cutover_panics_total", Help: "Panics that were caught, by where they happened.",
	}, []string{"where"})
	registerer.MustRegister(c)
	return c
}
