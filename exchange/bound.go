package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// SealedID names content that only its maker can read again (the signature of a
// thought, encrypted reasoning) by a hash, so that a request that brings it
// back can be told from others without keeping it.
func SealedID(content []byte) string {
	sum := sha256.Sum256(content)
	return "sealed-" + hex.EncodeToString(sum[:16])
}

// boundLimit is how many of an answer's bound things are kept.
const boundLimit = 64

// bind notes a thing that the answer leaves at its provider.
func (a *answer) bind(id string) {
	c := &a.x.Completion
	if id != "" && len(c.Bound) < boundLimit && !slices.Contains(c.Bound, id) {
		c.Bound = append(c.Bound, id)
	}
}

// seal notes content that only this provider can read again.
func (a *answer) seal(v jsonString) {
	if len(v.raw) > 0 {
		a.bind(SealedID(v.plain()))
	}
}

// spoken reads what a chat says aloud; a later turn names it by its id.
func (a *answer) spoken(s *scanner) {
	if s.peek() != '{' {
		a.output = s.set() || a.output
		return
	}
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		a.output = true
		if string(key) == "id" {
			a.bind(s.str().short())
		} else {
			s.skip()
		}
	}
}
