package sidecar

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// TestKeepRunning: background work that panics is reported, without the value,
// and goes on; an error and the end of its context end it.
func TestKeepRunning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		registry := prometheus.NewRegistry()
		s := &Sidecar{log: zerolog.New(&log), panics: newPanicCounter(registry)}
		runs := 0
		failed := errors.New("failed")
		err := s.keepRunning(t.Context(), "work", func(context.Context) error {
			if runs++; runs < 4 {
				panic("sk-secret from outside")
			}
			return failed
		})
		if !errors.Is(err, failed) || runs != 4 {
			t.Errorf("after %d runs: %v, want the error of the fourth", runs, err)
		}
		families, err := registry.Gather()
		if err != nil || len(families) != 1 || families[0].GetMetric()[0].GetCounter().GetValue() != 3 {
			t.Errorf("the metric says %v, %v; want 3 panics", families, err)
		}
		if text := log.String(); strings.Contains(text, "sk-secret") || strings.Count(text, "panics_test.go") < 3 {
			t.Errorf("the log says %s", text)
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := s.keepRunning(ctx, "work", func(context.Context) error { cancel(); panic("at the end") }); err != nil {
			t.Errorf("a panic after the end: %v", err)
		}
	})
}
