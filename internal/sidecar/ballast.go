package sidecar

import (
	"os"
	"runtime"
)

// ballast makes the garbage collector run less often while the heap is small, which
// is normal for a sidecar: a few live megabytes, and tens of megabytes of
// short-lived ones per second. It counts as live heap but is never written to, so it
// uses no physical memory. It can cost as much again in garbage waiting to be
// collected.
type ballast struct{ untouched []byte }

const ballastBytes = 48 << 20

// newBallast returns an empty ballast if the operator has tuned the collector.
func newBallast() *ballast {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return &ballast{}
	}
	return &ballast{untouched: make([]byte, ballastBytes)}
}

// keep keeps the ballast alive until it is called.
func (b *ballast) keep() { runtime.KeepAlive(b.untouched) }
