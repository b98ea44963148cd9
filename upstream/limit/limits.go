package limit

import (
	"errors"
	"fmt"
	"time"
)

// Limits bound what is sent to an upstream. Zero means no limit.
type Limits struct {
	RPM         int // requests per minute
	TPM         int // tokens per minute, prompt and completion together
	Concurrency int // calls in flight
	// Burst is the share of a minute's requests or tokens that may pass at once,
	// from 0 to 1; 0 means defaultBurst. The rest is let through at a steady rate.
	Burst float64
}

const (
	defaultBurst = 0.1
	minute       = time.Minute // the window of RPM and TPM
)

func (l Limits) validate() error {
	if l.RPM < 0 || l.TPM < 0 || l.Concurrency < 0 {
		return errors.New("rpm, tpm and concurrency must not be negative")
	}
	if l.Burst < 0 || l.Burst > 1 {
		return errors.New("burst must be between 0 and 1")
	}
	return nil
}

func (l Limits) any() bool { return l.RPM > 0 || l.TPM > 0 || l.Concurrency > 0 }

// Kind names the limit that stopped a call.
type Kind uint8

// The kinds. Provider is a limit that the provider's own headers report, Queue
// the length of the queue of waiting calls.
const (
	None Kind = iota
	Requests
	Tokens
	Concurrency
	Provider
	Queue
	kinds
)

// String is the limit's name in configuration, logs and metrics.
func (k Kind) String() string {
	return [...]string{"", "rpm", "tpm", "concurrency", "provider", "queue"}[min(k, Queue)]
}

// Error is returned for a call that a limit does not allow now.
type Error struct {
	Upstream string
	Kind     Kind
	After    time.Duration // earliest time until it may fit; 0: unknown
}

func (e *Error) Error() string {
	s := "upstream " + e.Upstream + ": " + e.Kind.String() + " limit reached"
	if e.After > 0 {
		s += fmt.Sprintf(", retry in %v", e.After.Round(time.Millisecond))
	}
	return s
}

// EstimateTokens is what a request is assumed to cost until its response says:
// four bytes of body per token, and the longest completion that it allows.
func EstimateTokens(bodyBytes, maxTokens int) int { return bodyBytes/4 + maxTokens }
