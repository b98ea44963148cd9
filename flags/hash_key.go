package flags

import (
	"crypto/sha256"
	"encoding/hex"
)

// HashKey returns what logs and API responses show in place of a targeting key,
// which may be a person's name and never leaves the process: 12 hexadecimal digits
// of its SHA-256; "" for no key.
func HashKey(targetingKey string) string {
	if targetingKey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(targetingKey))
	return hex.EncodeToString(sum[:6])
}
