package upstream

import (
	"math"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"cutover/exchange"
	"cutover/upstream/limit"
)

// RetryPolicy says when the same upstream is called again before anything has
// reached the caller. The zero value never retries: callers' SDKs retry too, and
// retries multiply.
type RetryPolicy struct {
	Attempts int           // calls in all; 0 and 1: no retries
	Base     time.Duration // longest wait before the first retry; doubled each time; default 500 ms
	Max      time.Duration // longest wait by backoff; default 8 s
	// MaxAfter is the longest wait that a provider may ask for; if it asks for
	// more, there is no retry. Default 60 s, as in the SDKs.
	MaxAfter time.Duration
	// Statuses and Classes are what is retried. Nil Statuses: 408, 409, 429 and
	// from 500; nil Classes: connections that were refused or broke. Timeouts are
	// not among them: the caller has waited long enough, and the call may have been
	// billed.
	Statuses []int
	Classes  []exchange.Class
}

// Failure is one call that failed.
type Failure struct {
	Attempt  int // 1 for the first call
	Class    exchange.Class
	Status   int         // 0: no header arrived
	Header   http.Header // of the response; may be nil
	Elapsed  time.Duration
	Deadline time.Duration // both since the request arrived; 0: unknown
	Now      time.Time     // for dates in Retry-After
}

// The reasons why there is a retry, or none.
const (
	RetryBackoff    = "backoff"      // a wait of our own choice
	RetryAfter      = "retry-after"  // a wait that the provider asks for
	RetryOff        = "off"          // the policy allows none at all
	RetryAttempts   = "attempts"     // they are used up
	RetryNot        = "not_worth_it" // the same failure would come again
	RetryForbidden  = "should_retry" // the provider says no
	RetryTooLong    = "after_too_long"
	RetryDeadline   = "deadline" // it would come too late for the caller
	RetryOverBudget = "budget"   // set by callers of RetryBudget
)

// Next decides whether to call again, after how long a wait, and why (one of the
// reasons above). random is a number in [0,1). Next is pure: it reads no clock and
// keeps no state.
func (p *RetryPolicy) Next(f Failure, random float64) (wait time.Duration, ok bool, reason string) {
	switch {
	case p == nil || p.Attempts <= 1:
		return 0, false, RetryOff
	case f.Attempt >= p.Attempts:
		return 0, false, RetryAttempts
	case f.Class == exchange.ClassAborted || f.Class == exchange.ClassNotSent:
		return 0, false, RetryNot
	}
	switch strings.TrimSpace(f.Header.Get("X-Should-Retry")) { // takes precedence over the status
	case "true":
	case "false":
		return 0, false, RetryForbidden
	default:
		if !p.retryable(f) {
			return 0, false, RetryNot
		}
	}
	wait, reason = p.backoff(f.Attempt, random), RetryBackoff
	if after, ok := limit.RetryAfter(f.Header, f.Now); ok {
		if after > positive(p.MaxAfter, time.Minute) {
			return 0, false, RetryTooLong
		}
		// Spread the retries out: somewhat later than asked for.
		wait, reason = after+time.Duration(random*float64(min(after/10, time.Second))), RetryAfter
	}
	if f.Deadline > 0 && f.Elapsed+wait >= f.Deadline {
		return 0, false, RetryDeadline
	}
	return wait, true, reason
}

// backoff is a random part of a limit that doubles with each attempt ("full
// jitter": callers that failed together don't retry together).
func (p *RetryPolicy) backoff(attempt int, random float64) time.Duration {
	base := float64(positive(p.Base, 500*time.Millisecond))
	longest := float64(positive(p.Max, 8*time.Second))
	return time.Duration(random * min(longest, base*math.Pow(2, float64(attempt-1))))
}

func (p *RetryPolicy) retryable(f Failure) bool {
	if f.Status >= 400 {
		if p.Statuses != nil {
			return slices.Contains(p.Statuses, f.Status)
		}
		return f.Status == 408 || f.Status == 409 || f.Status == 429 || f.Status >= 500
	}
	if p.Classes != nil {
		return slices.Contains(p.Classes, f.Class)
	}
	return f.Class == exchange.ClassConnect || f.Class == exchange.ClassBroken && f.Status == 0
}

// RetryBudget prevents retry storms: each request adds a share of a retry, and each
// retry takes one. It is safe for concurrent use. A nil budget is unlimited.
type RetryBudget struct {
	share, max int64 // thousandths
	left       atomic.Int64
}

// NewRetryBudget makes a budget of a share of the requests (.1: one retry for ten
// requests). It saves up at most spare retries, and starts with as many.
func NewRetryBudget(share float64, spare int) *RetryBudget {
	b := &RetryBudget{share: int64(share * 1000), max: int64(max(1, spare)) * 1000}
	b.left.Store(b.max)
	return b
}

// AddRequest adds a request's share.
func (b *RetryBudget) AddRequest() {
	if b == nil {
		return
	}
	for {
		old := b.left.Load()
		next := min(old+b.share, b.max)
		if next == old || b.left.CompareAndSwap(old, next) {
			return
		}
	}
}

// Spend takes one retry, if there is one.
func (b *RetryBudget) Spend() bool {
	if b == nil {
		return true
	}
	for {
		old := b.left.Load()
		if old < 1000 {
			return false
		}
		if b.left.CompareAndSwap(old, old-1000) {
			return true
		}
	}
}

// Left is how many retries the budget holds.
func (b *RetryBudget) Left() float64 {
	if b == nil {
		return math.Inf(1)
	}
	return float64(b.left.Load()) / 1000
}
