package flags

import (
	"time"

	"cutover/internal/millis"
)

// Status is OpenFeature's status of a provider: how far its values can be trusted.
type Status string

// The two states. A Set always has values, so it is never NOT_READY.
const (
	Ready Status = "READY"
	Stale Status = "STALE"
)

// State says how far the flags can be trusted, for /readyz and for people. A STALE
// set still decides, by its last good values.
type State struct {
	Status  Status          `json:"status"`
	Code    string          `json:"code,omitempty"`   // why STALE, one of a closed set: see Faults in docs/flags.md
	Reason  string          `json:"reason,omitempty"` // why STALE, in a sentence
	Since   time.Time       `json:"since"`            // when Status last changed
	ReadAt  time.Time       `json:"read_at"`          // when the source was last read in full
	Age     millis.Duration `json:"age_ms"`           // time since ReadAt
	Source  Origin          `json:"source"`           // of the values in force
	Version uint64          `json:"version"`          // of the store when it was read
	Halted  *Halt           `json:"halted,omitempty"` // set while this process sends nothing to the relay
}

// staleAfter is the age at which values count as STALE even if no fault was
// reported: every source is read once a second.
const staleAfter = 5 * time.Second

// fault is a problem with a source. Its code is one of a closed set, suitable as a
// label of a metric.
type fault struct {
	code   string
	reason string
}

// The codes of faults.
const (
	codeUnreachable = "unreachable"
	codeDenied      = "denied"
	codeEmptied     = "emptied"
	codeBadField    = "bad_field"
	codeWrongType   = "wrong_type"
	codeVersion     = "version_back"
	codeFile        = "file"
	codeSilent      = "silent"
)

func badField(err error) *fault {
	return &fault{codeBadField, err.Error() + "; the last good value of this flag remains in force"}
}

// firstFault returns the fault that was found first.
func firstFault(a, b *fault) *fault {
	if a != nil {
		return a
	}
	return b
}

// State returns how far the flags can be trusted now.
func (s *Set) State() State {
	s.mu.Lock()
	st := s.state
	s.mu.Unlock()
	st.Halted = s.halt.Load()
	age := time.Since(st.ReadAt)
	if st.Source == FromConfiguration {
		age = 0
	}
	st.Age = millis.Duration(age)
	if st.Status == Ready && age > staleAfter {
		st.Status, st.Code, st.Since = Stale, codeSilent, st.ReadAt.Add(staleAfter)
		st.Reason = "the flags have not been read for " + age.Truncate(time.Second).String()
	}
	return st
}

// markStale reports that the source can't be read: the values in force remain so.
func (s *Set) markStale(f *fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setFault(f)
	if cur := s.current.Load(); !cur.stale {
		s.current.Store(newSnapshot(cur.version, cur.flags, true))
	}
	s.metrics.read(f, nil)
}

// recordRead records a successful read. The caller holds mu.
func (s *Set) recordRead(problem *fault, r reading) {
	s.state.ReadAt = r.readAt
	if r.readAt.IsZero() {
		s.state.ReadAt = time.Now().UTC()
	}
	s.state.Version = r.version
	s.state.Source = r.origin
	s.setFault(problem)
}

// setFault changes the status and reports a change once, not on each failing poll. A
// nil fault is none. The caller holds mu.
func (s *Set) setFault(f *fault) {
	now := time.Now().UTC()
	switch {
	case f == nil && s.state.Status == Stale:
		s.log.Info().Stringer("source", s.state.Source).Uint64("version", s.state.Version).
			Dur("stale_for", now.Sub(s.state.Since)).Msg("flags are READY again")
		s.state.Status, s.state.Code, s.state.Reason, s.state.Since = Ready, "", "", now
	case f == nil:
		return
	case s.state.Status == Ready:
		s.state.Status, s.state.Code, s.state.Reason, s.state.Since = Stale, f.code, f.reason, now
		s.warn()
	case s.state.Code != f.code:
		s.state.Code, s.state.Reason = f.code, f.reason
		s.warn()
	default:
		s.state.Reason = f.reason
		return
	}
	s.notify(Update{Version: s.state.Version, State: s.state})
}

func (s *Set) warn() {
	s.log.Warn().Str("code", s.state.Code).Str("reason", s.state.Reason).Stringer("source", s.state.Source).
		Uint64("version", s.state.Version).Msg("flags are STALE: the last good values remain in force")
}
