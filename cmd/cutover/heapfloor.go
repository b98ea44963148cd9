package main

import (
	"os"
	"runtime"
)

// heapFloor makes the garbage collector run less often while the heap is small,
// which is a sidecar's usual state: a few live megabytes, and tens of megabytes
// of short-lived ones a second. The floor counts as live heap, but is never
// written to, so the system gives it no memory. It costs at most as much again
// in garbage that waits for collection.
type heapFloor struct{ untouched []byte }

const heapFloorBytes = 48 << 20

// newHeapFloor lays the floor, unless whoever runs the program has set the
// collector's pace themselves.
func newHeapFloor() *heapFloor {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return &heapFloor{}
	}
	return &heapFloor{untouched: make([]byte, heapFloorBytes)}
}

// keep holds the floor until it is called.
func (f *heapFloor) keep() { runtime.KeepAlive(f.untouched) }
