package upstream

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"

	"github.com/tidwall/gjson"
)

// UserPolicy says what a shadow request reveals about the caller's users: the fields
// user and safety_identifier, and metadata.user_id.
type UserPolicy string

// The policies. The zero value is DropUser.
const (
	DropUser UserPolicy = "drop"
	HashUser UserPolicy = "hash" // a keyed hash, the same for the same person
	KeepUser UserPolicy = "keep"
)

// ShadowPolicy is what a shadow request may reveal to this provider. The zero value
// reveals nothing.
type ShadowPolicy struct {
	User     UserPolicy
	Metadata bool // pass on the rest of metadata
	// Key is the key of the hashes: without it nobody can find out whose they are.
	// If HashUser needs one and there is none, New generates it, and the hashes
	// differ between processes.
	Key []byte
}

// withKey returns the policy with a key if it needs one.
func (p ShadowPolicy) withKey() ShadowPolicy {
	if p.User == HashUser && len(p.Key) == 0 {
		p.Key = make([]byte, sha256.Size)
		_, _ = rand.Read(p.Key) // never fails
	}
	return p
}

// user is what replaces a value that identifies a user, as JSON; "" drops it.
func (p *ShadowPolicy) user(v gjson.Result) string {
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

// metadata is what replaces metadata, as JSON; "" drops it.
func (p *ShadowPolicy) metadata(v gjson.Result) string {
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
			value = p.user(v)
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
