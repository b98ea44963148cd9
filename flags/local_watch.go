package flags

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	pollInterval = time.Second
	// debounce gives an editor time to finish: most write a file in several steps.
	debounce = 20 * time.Millisecond
)

// run watches the file's directory, so that it notices editors that replace the
// file and mounted ConfigMaps that switch a symbolic link. It also polls every
// second, as some file systems report no events.
func (l *localStore) run(ctx context.Context, s *Set) error {
	if l.path == "" {
		<-ctx.Done()
		return nil
	}
	var events chan fsnotify.Event
	var failures chan error
	if w, err := fsnotify.NewWatcher(); err != nil {
		s.log.Warn().Err(err).Msg("the flags file can't be watched; it is polled every second instead")
	} else {
		defer func() { _ = w.Close() }() // only stops the watching
		if err := w.Add(filepath.Dir(l.path)); err != nil {
			s.log.Warn().Err(err).Msg("the flags file can't be watched; it is polled every second instead")
		}
		events, failures = w.Events, w.Errors
	}
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	debounced := time.NewTimer(0)
	defer debounced.Stop()
	failed := false
	check := func() {
		before := failed
		if failed = l.poll(before); failed && !before {
			debounced.Reset(2 * debounce)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			debounced.Reset(debounce)
		case err := <-failures:
			s.log.Debug().Err(err).Msg("watching the flags file")
		case <-debounced.C:
			check()
		case <-poll.C:
			check()
		}
	}
}
