package upstream

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// keyFileDebounce lets an editor finish: most write a file in several steps.
const keyFileDebounce = 20 * time.Millisecond

// Run reads the files of keys again when they change, until ctx is done. Call it
// once. If a file can't be read or a key has the wrong shape, the previous keys stay
// in use and an event says so.
func (k *Keys) Run(ctx context.Context) error {
	files := false
	for _, s := range k.o.Sources {
		files = files || s.File != ""
	}
	if !files {
		<-ctx.Done()
		return nil
	}
	// The directories are watched, which also catches editors that replace a file and
	// mounted secrets that switch a link. Not all file systems send events, so the
	// files are polled as well.
	var events chan fsnotify.Event
	var failures chan error
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer func() { _ = w.Close() }() // only ends the watch
		for _, s := range k.o.Sources {
			if s.File != "" {
				_ = w.Add(filepath.Dir(s.File)) // if it fails, polling will do
			}
		}
		events, failures = w.Events, w.Errors
	}
	poll := time.NewTicker(k.o.Poll)
	defer poll.Stop()
	debounce := time.NewTimer(0)
	defer debounce.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			debounce.Reset(keyFileDebounce)
		case <-failures: // too many events: polling will do
		case <-debounce.C:
			k.Reload()
		case <-poll.C:
			k.Reload()
		}
	}
}

// Reload reads the files now.
func (k *Keys) Reload() {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.snap.Load()
	snap, err := k.read(old)
	if err != nil {
		if old.problem == err.Error() {
			return // already reported
		}
		failed := *old
		failed.problem = err.Error()
		k.snap.Store(&failed)
		k.notify(KeyEvent{Event: "reload_failed", Reason: failed.problem})
		return
	}
	if snap.files == old.files && old.problem == "" {
		return
	}
	k.snap.Store(snap)
	k.notify(KeyEvent{Event: "reloaded"})
}
