package flags

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	pollEvery = time.Second
	// settleFor lets an editor finish: most write a file in several steps.
	settleFor = 20 * time.Millisecond
)

// run watches the file's directory, which sees editors that replace the file
// and mounted ConfigMaps that switch a link, and looks each second whatever the
// watcher says: some file systems report nothing.
func (l *local) run(ctx context.Context, s *Set) error {
	if l.path == "" {
		<-ctx.Done()
		return nil
	}
	var events chan fsnotify.Event
	var failures chan error
	if w, err := fsnotify.NewWatcher(); err != nil {
		s.log.Warn().Err(err).Msg("the flags file can't be watched; it is read each second instead")
	} else {
		defer func() { _ = w.Close() }() // only stops the watching
		if err := w.Add(filepath.Dir(l.path)); err != nil {
			s.log.Warn().Err(err).Msg("the flags file can't be watched; it is read each second instead")
		}
		events, failures = w.Events, w.Errors
	}
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	settle := time.NewTimer(0)
	defer settle.Stop()
	failed := false
	look := func() {
		before := failed
		if failed = l.poll(before); failed && !before {
			settle.Reset(2 * settleFor)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			settle.Reset(settleFor)
		case err := <-failures:
			s.log.Debug().Err(err).Msg("watching the flags file")
		case <-settle.C:
			look()
		case <-poll.C:
			look()
		}
	}
}
