package upstream

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tidwall/gjson"
)

// UserPolicy says what a mirrored copy tells of the caller's people: the fields
// user and safety_identifier, and metadata.user_id.
type UserPolicy string

// The policies. The zero value drops, too.
const (
	DropUser UserPolicy = "drop"
	HashUser UserPolicy = "hash" // a keyed hash, the same for the same person
	KeepUser UserPolicy = "keep"
)

// CopyPolicy is what a mirrored copy may tell this provider. The zero value
// tells nothing.
type CopyPolicy struct {
	User     UserPolicy
	Metadata bool // the rest of metadata goes along
	// Key makes the hashes: who does not have it can't find out whose they are.
	// New draws one if HashUser needs it and there is none; then the hashes
	// differ between processes.
	Key []byte
}

// withKey returns the policy with all that it needs.
func (p CopyPolicy) withKey() CopyPolicy {
	if p.User == HashUser && len(p.Key) == 0 {
		p.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(p.Key) // never fails
	}
	return p
}

// person is what becomes of a value that names a person, as JSON; "" drops it.
func (p *CopyPolicy) person(v gjson.Result) string {
	switch {
	case p.User == KeepUser:
		return v.Raw
	case p.User == HashUser && v.Type == gjson.String && v.Str != "":
		h := hmac.New(sha256.New, p.Key)
		_, _ = h.Write([]byte(v.Str)) // never fails
		return `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
	}
	return ""
}

// metadata is what becomes of metadata, as JSON; "" drops it.
func (p *CopyPolicy) metadata(v gjson.Result) string {
	if !v.IsObject() {
		if p.Metadata {
			return v.Raw
		}
		return ""
	}
	out := []byte{'{'}
	v.ForEach(func(k, v gjson.Result) bool {
		value := ""
		if k.Str == "user_id" {
			value = p.person(v)
		} else if p.Metadata {
			value = v.Raw
		}
		if value == "" {
			return true
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, k.Raw...), ':'), value...)
		return true
	})
	if len(out) == 1 {
		return ""
	}
	return string(append(out, '}'))
}
