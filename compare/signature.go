package compare

import (
	"strings"

	"github.com/tidwall/gjson"
)

// signature sums up the shape of a JSON value in one number that does not
// depend on the order of members: two bodies with the same signature have the
// same paths and types, and need no closer look. Bodies of the same shape may
// have different signatures (lists of different lengths); then the close look
// finds nothing.
func signature(body []byte) uint64 {
	var s shapeSum
	s.walk(pathSeed, gjson.ParseBytes(body), 0)
	return s.sum
}

type shapeSum struct {
	sum   uint64
	nodes int
}

// FNV-1a's numbers; any good mixing would do.
const (
	pathSeed  = 14695981039346656037
	pathPrime = 1099511628211
)

// below is the hash of a path's continuation by a key.
func below(path uint64, key string) uint64 {
	path = (path ^ '.') * pathPrime
	for i := 0; i < len(key); i++ {
		path = (path ^ uint64(key[i])) * pathPrime
	}
	return path
}

func (s *shapeSum) walk(path uint64, v gjson.Result, depth int) {
	if v.Type == gjson.Null || s.nodes >= maxStructurePaths || depth > maxStructureDepth {
		return
	}
	s.nodes++
	kind := uint64(v.Type)
	switch {
	case v.IsArray():
		kind = 100
	case v.IsObject():
		kind = 101
	case v.Type == gjson.True:
		kind = uint64(gjson.False) // both are booleans
	}
	mixed := (path ^ kind) * 0x9E3779B97F4A7C15
	s.sum += mixed ^ mixed>>29
	switch {
	case freeBelow(path):
	case kind == 100:
		n := 0
		v.ForEach(func(_, item gjson.Result) bool {
			s.walk(below(path, "[]"), item, depth+1)
			n++
			return n < maxStructureItems
		})
	case kind == 101:
		v.ForEach(func(key, item gjson.Result) bool {
			s.walk(below(path, key.Str), item, depth+1)
			return true
		})
	}
}

// The paths below which anything may differ: what the model says hangs there.
var (
	freeMessage = hashPath("choices.[].message")
	freeDelta   = hashPath("choices.[].delta")
	freeOutput  = hashPath("output")
	freeContent = hashPath("content")
)

func freeBelow(path uint64) bool {
	return path == freeMessage || path == freeDelta || path == freeOutput || path == freeContent
}

func hashPath(path string) uint64 {
	h := uint64(pathSeed)
	for key := range strings.SplitSeq(path, ".") {
		h = below(h, key)
	}
	return h
}
