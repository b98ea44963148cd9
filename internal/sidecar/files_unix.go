//go:build unix

package sidecar

import (
	"math"
	"syscall"
)

// fileLimit is how many files the process may have open. Go raises the soft limit to
// the hard limit at startup.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64
	}
	return uint64(limit.Cur)
}
