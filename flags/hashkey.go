package flags

import (
	"crypto/sha256"
	"encoding/hex"
)

// HashKey is what stands for a targeting key in logs and answers: the key may
// be a person's name, and does not leave the process. 12 hexadecimal digits of
// its SHA-256; "" for no key.
func HashKey(targetingKey string) string {
	if targetingKey == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(targetingKey))
	return hex.EncodeToString(sum[:6])
}
