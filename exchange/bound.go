package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// SealedID names content that only its maker can read (the signature of a
// thinking block, encrypted reasoning) by a hash, so that a request containing
// it can be recognized without keeping the content.
func SealedID(content []byte) string {
	sum := sha256.Sum256(content)
	return "sealed-" + hex.EncodeToString(sum[:16])
}

// boundLimit is how many ids are kept of what a response leaves behind.
const boundLimit = 64

// addBound notes the id of something that the response leaves at its provider.
func (r *response) addBound(id string) {
	c := &r.x.Completion
	if id != "" && len(c.Bound) < boundLimit && !slices.Contains(c.Bound, id) {
		c.Bound = append(c.Bound, id)
	}
}

// addSealed notes content that only this provider can read.
func (r *response) addSealed(v jsonString) {
	if len(v.raw) > 0 {
		r.addBound(SealedID(v.plain()))
	}
}
