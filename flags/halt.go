package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Halt is this process's own kill switch. While it is in force the relay gets
// nothing, whatever the flags say and whether or not their store can be reached:
// without Redis nobody can flip relay-enabled, and that must not keep anybody from
// stopping a relay that returns nonsense.
type Halt struct {
	Who string    `json:"who"`           // user@host, or the name of a token
	Why string    `json:"why,omitempty"` // the reason given
	At  time.Time `json:"at"`            // when
}

// haltFile, in Options.DataDir, makes a Halt survive a restart.
const haltFile = "halt.json"

// Halt stops the relay in this process until Resume. It is in force when Halt
// returns; an error means that it would not survive a restart.
func (s *Set) Halt(who, why string) error {
	h := &Halt{Who: who, Why: why, At: time.Now().UTC()}
	s.halt.Store(h)
	s.log.Warn().Str("who", who).Str("why", why).Msg("the relay is halted in this process, whatever the flags say")
	if s.haltPath == "" {
		return nil
	}
	text, err := json.Marshal(h)
	if err == nil {
		err = writeFileAtomic(s.haltPath, text)
	}
	if err != nil {
		return fmt.Errorf("the relay is halted, but the halt would not survive a restart: %w", err)
	}
	return nil
}

// Resume ends a Halt: the flags apply again. After an error the Halt remains in force.
func (s *Set) Resume(who, why string) error {
	if s.haltPath != "" {
		if err := os.Remove(s.haltPath); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the relay is still halted: its halt file can't be removed: %w", err)
		}
	}
	if s.halt.Swap(nil) != nil {
		s.log.Warn().Str("who", who).Str("why", why).Msg("the relay is no longer halted in this process: the flags apply again")
	}
	return nil
}

// Halted returns the Halt in force, nil for none.
func (s *Set) Halted() *Halt { return s.halt.Load() }

// loadHalt restores a Halt from before a restart. A file that can't be read halts
// too: somebody wanted the relay stopped.
func (s *Set) loadHalt(dir string) {
	if dir == "" {
		return
	}
	s.haltPath = filepath.Join(dir, haltFile)
	text, err := os.ReadFile(s.haltPath)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	h := &Halt{}
	if err == nil {
		err = json.Unmarshal(text, h)
	}
	if err != nil {
		h = &Halt{Who: "unknown", Why: haltFile + " in the data directory can't be read"}
	}
	s.halt.Store(h)
	s.log.Warn().Str("who", h.Who).Str("why", h.Why).Time("since", h.At).
		Msg("the relay is halted in this process, as it was before the restart")
}
