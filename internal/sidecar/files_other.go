//go:build !unix

package sidecar

import "math"

// fileLimit: there is none worth knowing.
func fileLimit() uint64 { return math.MaxUint64 }
