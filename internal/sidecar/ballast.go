package sidecar

import (
	"os"
	"runtime"
)

// ballast makes the garbage collector run less often while the heap is small,
// which is a sidecar's usual state: a few live megabytes, and tens of megabytes
// of short-lived ones a second. It counts as live heap but is never written to,
// so the system gives it no memory. It costs at most as much again in garbage
// that waits for collection.
type ballast struct{ untouched []byte }

const ballastBytes = 48 << 20

// newBallast takes none when whoever runs the program has tuned the collector.
func newBallast() *ballast {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return &ballast{}
	}
	return &ballast{untouched: make([]byte, ballastBytes)}
}

// keep holds the ballast until it is called.
func (b *ballast) keep() { runtime.KeepAlive(b.untouched) }
