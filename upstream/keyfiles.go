package upstream

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// keySettle lets an editor finish: most write a file in several steps.
const keySettle = 20 * time.Millisecond

// Run reads the files of keys again when they change, until ctx is done. Call
// it once. What can't be read or has a wrong shape leaves the keys of before in
// force, and says so.
func (k *Keys) Run(ctx context.Context) error {
	files := false
	for _, s := range k.o.Sources {
		files = files || s.File != ""
	}
	if !files {
		<-ctx.Done()
		return nil
	}
	// The directories are watched: that sees editors that replace a file and
	// mounted secrets that switch a link. Not all file systems tell, so the
	// files are looked at from time to time as well.
	var events chan fsnotify.Event
	var failures chan error
	if w, err := fsnotify.NewWatcher(); err == nil {
		defer func() { _ = w.Close() }() // only stops the watching
		for _, s := range k.o.Sources {
			if s.File != "" {
				_ = w.Add(filepath.Dir(s.File)) // else the poll will do
			}
		}
		events, failures = w.Events, w.Errors
	}
	poll := time.NewTicker(k.o.Poll)
	defer poll.Stop()
	settle := time.NewTimer(0)
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-events:
			settle.Reset(keySettle)
		case <-failures: // too many events: the poll will see
		case <-settle.C:
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
		if old.trouble == err.Error() {
			return // said already
		}
		failed := *old
		failed.trouble = err.Error()
		k.snap.Store(&failed)
		k.tell(KeyEvent{Event: "reload_failed", Reason: failed.trouble})
		return
	}
	if snap.files == old.files && old.trouble == "" {
		return
	}
	k.snap.Store(snap)
	k.tell(KeyEvent{Event: "reloaded"})
}
