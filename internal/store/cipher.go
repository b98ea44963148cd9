package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"cutover/compare"
)

// ErrKey is returned for samples that were stored under another key, or under
// one where none is given.
var ErrKey = errors.New("the samples are encrypted, and the key for them is missing or another")

// MinKey is the least length of a key for encryption at rest, in bytes.
const MinKey = 16

// sampleCipher encrypts samples at rest by AES-256-GCM; with no key it leaves
// them readable. A stored sample begins with a byte that says which.
type sampleCipher struct {
	aead cipher.AEAD
}

const (
	formatPlain  = 'p'
	formatSealed = 's'
)

// newSampleCipher takes a key of any length from MinKey on; nil is no encryption.
func newSampleCipher(key []byte) (sampleCipher, error) {
	if len(key) == 0 {
		return sampleCipher{}, nil
	}
	key = bytes.TrimSpace(key)
	if len(key) < MinKey {
		return sampleCipher{}, fmt.Errorf("the key for samples is %d bytes long: "+
			"use at least %d random bytes, for example from `openssl rand -base64 32`", len(key), MinKey)
	}
	derived := sha256.Sum256(append([]byte("cutover samples\x00"), key...))
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		return sampleCipher{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return sampleCipher{aead}, err
}

// seal encrypts a sample, bound to its id so that entries can't be swapped.
func (c sampleCipher) seal(plain []byte, id string) ([]byte, error) {
	if c.aead == nil {
		return append([]byte{formatPlain}, plain...), nil
	}
	return c.aead.Seal([]byte{formatSealed}, nil, plain, []byte(id)), nil
}

// open reverses seal and decodes.
func (c sampleCipher) open(stored []byte, id string) (s compare.Sample, err error) {
	if len(stored) == 0 {
		return s, ErrNoSample
	}
	plain := stored[1:]
	if stored[0] == formatSealed {
		if c.aead == nil {
			return s, ErrKey
		}
		if plain, err = c.aead.Open(nil, nil, plain, []byte(id)); err != nil {
			return s, ErrKey
		}
	}
	if err := json.Unmarshal(plain, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return s, nil
}

// randomID names a process among others that write to the same store.
func randomID() string { return rand.Text()[:12] }
