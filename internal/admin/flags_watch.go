package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"cutover/flags"
)

// watchBeat is how often an empty line tells a watcher that the connection is alive.
const watchBeat = 15 * time.Second

// watch streams flips as they come, one JSON entry a line; an empty line says
// that the connection lives.
func (api flagsAPI) watch(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	send := func(line []byte) error {
		// Not every writer has deadlines; one that has must not end a stream after the
		// time limit for responses.
		_ = control.SetWriteDeadline(time.Now().Add(2 * watchBeat))
		if _, err := w.Write(append(line, '\n')); err != nil {
			return err
		}
		return control.Flush()
	}
	_ = WatchFlips(r.Context(), api.Set, func(e *flags.Entry) error { // ends with the reader
		if e == nil {
			return send(nil)
		}
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		return send(line)
	})
}

// WatchFlips calls emit with nil once it watches and from time to time, and for
// each audit entry that is made from then on, oldest first. It ends with ctx,
// or when emit fails.
func WatchFlips(ctx context.Context, set *flags.Set, emit func(*flags.Entry) error) error {
	updates, end := set.Subscribe()
	defer end()
	last := newestVersion(ctx, set)
	if err := emit(nil); err != nil {
		return err
	}
	beat := time.NewTicker(watchBeat)
	defer beat.Stop()
	// A change by hand has no entry yet when it is reported, and a slow reader may
	// miss an update: check once a second as well.
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-beat.C:
			if err := emit(nil); err != nil {
				return err
			}
			continue
		case <-look.C:
			if set.State().Version == last {
				continue
			}
		case <-updates:
		}
		entries, err := set.Store().History(ctx, "", 100)
		if err != nil {
			continue // unavailable: check again at the next tick
		}
		slices.Reverse(entries)
		if n := len(entries); n > 0 && entries[n-1].Version < last {
			last = 0 // the count began anew
		}
		for _, e := range entries {
			if e.Version > last {
				if err := emit(&e); err != nil {
					return err
				}
			}
		}
		if n := len(entries); n > 0 {
			last = max(last, entries[n-1].Version)
		}
	}
}

// newestVersion is the version of the newest entry, or of what is in force if the
// entries can't be read.
func newestVersion(ctx context.Context, set *flags.Set) uint64 {
	entries, err := set.Store().History(ctx, "", 1)
	if err != nil || len(entries) == 0 {
		return set.State().Version
	}
	return entries[0].Version
}
