package upstream

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// KeySource is where keys come from: a value, or a file that is read again when it
// changes. A file has one key per line; blank lines and lines that begin with # are
// ignored.
type KeySource struct {
	Name  string // for messages: the environment variable, or the setting
	Value string // ignored when File is set
	File  string
}

// KeyShape is what a key must look like; zero fields allow anything.
type KeyShape struct {
	Prefix               string
	MinLength, MaxLength int // MaxLength 0: 4,096
	// Scheme allows words before the key ("Token KEY"): with a custom header, the
	// configured key is the header's whole value.
	Scheme bool
}

// KeysOptions configure Keys. Sources is required; zero fields take the defaults.
type KeysOptions struct {
	Upstream string
	Sources  []KeySource
	Shape    KeyShape
	// Quarantine is how long a key is not used that is wrong or has no quota (5 min),
	// and ForbiddenQuarantine one that got a 403, which can be the model's fault (1 min).
	Quarantine, ForbiddenQuarantine time.Duration
	Poll                            time.Duration // of the files, in case no event comes; 2 s
	// Changed is called with what happened, for the log; may be nil. It must not block.
	Changed func(KeyEvent)
}

// KeyEvent is a change to the keys or to their use.
type KeyEvent struct {
	Upstream string
	Event    string // "set_aside", "reloaded" or "reload_failed"
	Key      string // short hash; only with "set_aside"
	Reason   string // never contains a key
	Keys     int    // their number now
}

// Key is one key, picked for one call. It must never be printed; its ID may be.
type Key struct{ s *keyState }

// keyState is shared by the snapshots that contain the key.
type keyState struct {
	secret string
	id     string
	// quarantine is nil if the key is in use.
	quarantine atomic.Pointer[quarantine]
}

type quarantine struct {
	until  time.Time
	reason string
}

// Secret is the key itself.
func (k Key) Secret() string {
	if k.s == nil {
		return ""
	}
	return k.s.secret
}

// ID is a short hash that tells keys apart in logs and in the console.
func (k Key) ID() string {
	if k.s == nil {
		return ""
	}
	return k.s.id
}

// String hides the key.
func (k Key) String() string { return "key " + k.ID() }

// GoString hides the key from %#v.
func (k Key) GoString() string { return k.String() }

// Keys are an upstream's keys, used in turn. A key that the provider refuses is
// quarantined for a while. Picking one takes no lock.
type Keys struct {
	o    KeysOptions
	next atomic.Uint64
	snap atomic.Pointer[keySnapshot]

	mu sync.Mutex // held by reloads
}

type keySnapshot struct {
	keys    []*keyState
	files   [sha256.Size]byte // of all files' content
	problem string            // why the files' latest change was not applied
}

// NewKeys reads the keys and checks their shape. An error names the source and
// what is wrong with it, never the key.
func NewKeys(o KeysOptions) (*Keys, error) {
	o.Quarantine = positive(o.Quarantine, 5*time.Minute)
	o.ForbiddenQuarantine = positive(o.ForbiddenQuarantine, time.Minute)
	o.Poll = positive(o.Poll, 2*time.Second)
	k := &Keys{o: o}
	s, err := k.read(nil)
	if err != nil {
		return nil, fmt.Errorf("upstream %s: %w", o.Upstream, err)
	}
	k.snap.Store(s)
	return k, nil
}

// Pick returns the next key in turn. If all are in quarantine it returns the one
// whose quarantine ends first, and false: the provider will likely refuse the call.
func (k *Keys) Pick(now time.Time) (Key, bool) {
	keys := k.snap.Load().keys
	var soonest *keyState
	var until time.Time
	n := k.next.Add(1) - 1
	for i := range keys {
		s := keys[(n+uint64(i))%uint64(len(keys))]
		a := s.quarantine.Load()
		if a == nil || !now.Before(a.until) {
			return Key{s}, true
		}
		if soonest == nil || a.until.Before(until) {
			soonest, until = s, a.until
		}
	}
	return Key{soonest}, false
}

// Report says how a call with a key ended: the response's status and the code or
// type of its error, "" if there is none. It returns whether the key is now in
// quarantine. Report only keys that were picked, not the caller's own.
func (k *Keys) Report(key Key, status int, code string, now time.Time) bool {
	if key.s == nil {
		return false
	}
	noQuota := isQuotaError(code) // relays report it with a 200 too
	if status > 0 && status < 400 && !noQuota {
		if key.s.quarantine.Load() != nil {
			key.s.quarantine.Store(nil) // it works again
		}
		return false
	}
	reason, length := "", k.o.Quarantine
	switch {
	case status == 401:
		reason = "401"
	case status == 402, noQuota:
		reason = "quota"
	case status == 403:
		reason, length = "403", k.o.ForbiddenQuarantine
	default:
		return false
	}
	if old := key.s.quarantine.Swap(&quarantine{now.Add(length), reason}); old == nil || !now.Before(old.until) {
		k.notify(KeyEvent{Event: "set_aside", Key: key.s.id, Reason: reason})
	}
	return true
}

// isQuotaError reports whether an error's code says that the key's account can't pay.
func isQuotaError(code string) bool {
	switch code {
	case "insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "billing_error",
		"account_deactivated", "insufficient_balance", "credit_exhausted", "insufficient_user_quota", "insufficient_credits":
		return true
	}
	return false
}

func (k *Keys) notify(e KeyEvent) {
	if k.o.Changed != nil {
		e.Upstream, e.Keys = k.o.Upstream, len(k.snap.Load().keys)
		k.o.Changed(e)
	}
}

// KeyState is one key for /api/v1/status and metrics.
type KeyState struct {
	Key        string    `json:"key"`                  // short hash
	Quarantine string    `json:"quarantine,omitempty"` // the reason: "401", "403", "quota"; "": in use
	Until      time.Time `json:"until,omitzero"`       // when it ends
}

// State lists the keys; problem says why a changed file was not applied.
func (k *Keys) State(now time.Time) (keys []KeyState, problem string) {
	snap := k.snap.Load()
	for _, s := range snap.keys {
		state := KeyState{Key: s.id}
		if a := s.quarantine.Load(); a != nil && now.Before(a.until) {
			state.Quarantine, state.Until = a.reason, a.until.UTC()
		}
		keys = append(keys, state)
	}
	return keys, snap.problem
}

// maxKeyFile is the largest size of a file of keys, in bytes.
const maxKeyFile = 64 << 10

// read reads all sources. Keys that are in old too keep their state.
func (k *Keys) read(old *keySnapshot) (*keySnapshot, error) {
	known := map[string]*keyState{}
	if old != nil {
		for _, s := range old.keys {
			known[s.secret] = s
		}
	}
	sum := sha256.New()
	snap := &keySnapshot{}
	for _, source := range k.o.Sources {
		lines := []string{source.Value}
		if source.File != "" {
			data, err := readKeyFile(source.File)
			if err != nil {
				return nil, fmt.Errorf("the key in %s: %w", source.Name, err)
			}
			_, _ = fmt.Fprintf(sum, "%d:", len(data))
			_, _ = sum.Write(data)
			lines = keyLines(data)
		}
		for _, line := range lines {
			secret := strings.TrimSpace(line)
			if err := k.o.Shape.check(secret); err != nil {
				return nil, fmt.Errorf("the key in %s %w", source.Name, err)
			}
			if known[secret] == nil {
				hash := sha256.Sum256([]byte(secret))
				known[secret] = &keyState{secret: secret, id: hex.EncodeToString(hash[:4])}
			}
			if !slices.Contains(snap.keys, known[secret]) {
				snap.keys = append(snap.keys, known[secret])
			}
		}
	}
	if len(snap.keys) == 0 {
		return nil, errors.New("there is no key: give one, or set auth to none")
	}
	sum.Sum(snap.files[:0])
	return snap, nil
}

func readKeyFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%s is longer than 64 KiB: it can't be a file of keys", path)
	}
	return data, nil
}

func keyLines(data []byte) []string {
	var lines []string
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			lines = append(lines, string(line))
		}
	}
	return lines
}

// check says what is wrong with a key, without revealing it.
func (s KeyShape) check(key string) error {
	longest := positive(s.MaxLength, 4096)
	switch {
	case key == "":
		return errors.New("is empty")
	case !s.Scheme && len(key) > 7 && strings.EqualFold(key[:7], "bearer "):
		return errors.New("begins with \"Bearer \": give only the key")
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == ' ' && !s.Scheme || r > '~' }):
		return errors.New("contains a space or a character that no key has: was it copied correctly?")
	case (key[0] == '"' || key[0] == '\'') && key[len(key)-1] == key[0]:
		return errors.New("is in quotes: remove them")
	case !strings.HasPrefix(key, s.Prefix):
		return fmt.Errorf("does not begin with %q", s.Prefix)
	case len(key) < s.MinLength:
		return fmt.Errorf("has %d characters, at least %d are expected", len(key), s.MinLength)
	case len(key) > longest:
		return fmt.Errorf("has %d characters, at most %d are expected", len(key), longest)
	}
	return nil
}

// secrets are all keys in use, for those who must not show them.
func (k *Keys) secrets() []string {
	var all []string
	for _, s := range k.snap.Load().keys {
		all = append(all, s.secret)
	}
	return all
}
