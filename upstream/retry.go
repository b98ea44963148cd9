package upstream

import (
	"math"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"cutover/exchange"
)

// RetryPolicy says when the same upstream is called again before anything has
// reached the caller. The zero value never retries: callers' SDKs retry by
// themselves, and retries multiply.
type RetryPolicy struct {
	Attempts int           // calls in all; 0 and 1: no retries
	Base     time.Duration // longest wait before the first retry; doubled each time; default 500 ms
	Max      time.Duration // longest wait by backoff; default 8 s
	// MaxAfter is the longest wait that a provider may ask for; if it asks for
	// more there is no retry. Default 60 s, as in the SDKs.
	MaxAfter time.Duration
	// Statuses and Classes are what is retried; nil: 408, 409, 429 and from 500,
	// and connections that were refused or broke. Timeouts are not among them:
	// they have used up the caller's patience, and the call may have been billed.
	Statuses []int
	Classes  []exchange.Class
}

// Failure is one call that ended without use.
type Failure struct {
	Attempt  int // 1 for the first call
	Class    exchange.Class
	Status   int         // 0: no header came
	Header   http.Header // of the answer; may be nil
	Elapsed  time.Duration
	Deadline time.Duration // both since the request came; 0: none is known
	Now      time.Time     // for dates in Retry-After
}

// The reasons for which there is a retry, or none.
const (
	RetryBackoff    = "backoff"      // a wait by our own reckoning
	RetryAfter      = "retry-after"  // a wait that the provider asks for
	RetryOff        = "off"          // the policy allows none at all
	RetryAttempts   = "attempts"     // they are used up
	RetryNot        = "not-worth-it" // this failure would come again
	RetryForbidden  = "should-retry" // the provider says no
	RetryTooLong    = "after-too-long"
	RetryDeadline   = "deadline" // the caller would not wait for it
	RetryOverBudget = "budget"   // set by callers of RetryBudget
)

// Next decides whether to call again, after how long a wait, and why (one of
// the reasons above). random is a number in [0,1). Next is pure: it looks at
// no clock and keeps nothing.
func (p *RetryPolicy) Next(f Failure, random float64) (wait time.Duration, ok bool, why string) {
	switch {
	case p == nil || p.Attempts <= 1:
		return 0, false, RetryOff
	case f.Attempt >= p.Attempts:
		return 0, false, RetryAttempts
	case f.Class == exchange.ClassAborted || f.Class == exchange.ClassNotSent:
		return 0, false, RetryNot
	}
	switch header(f.Header, "X-Should-Retry") { // beats the status
	case "true":
	case "false":
		return 0, false, RetryForbidden
	default:
		if !p.worthIt(f) {
			return 0, false, RetryNot
		}
	}
	wait, why = p.backoff(f.Attempt, random), RetryBackoff
	if after, told := retryAfter(f.Header, f.Now); told {
		if after > positive(p.MaxAfter, time.Minute) {
			return 0, false, RetryTooLong
		}
		// Not all at the same moment: somewhat later than asked for.
		wait, why = after+time.Duration(random*float64(min(after/10, time.Second))), RetryAfter
	}
	if f.Deadline > 0 && f.Elapsed+wait >= f.Deadline {
		return 0, false, RetryDeadline
	}
	return wait, true, why
}

// backoff is a random part of a limit that doubles with each attempt ("full
// jitter": callers that failed together don't come back together).
func (p *RetryPolicy) backoff(attempt int, random float64) time.Duration {
	base := float64(positive(p.Base, 500*time.Millisecond))
	limit := float64(positive(p.Max, 8*time.Second))
	return time.Duration(random * min(limit, base*math.Pow(2, float64(attempt-1))))
}

func (p *RetryPolicy) worthIt(f Failure) bool {
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

// RetryBudget stops storms of retries: each request adds a share of a retry,
// each retry takes one. It is one word, and safe for concurrent use. A nil
// budget has no end.
type RetryBudget struct {
	share, most int64 // thousandths
	left        atomic.Int64
}

// NewRetryBudget makes a budget of a share of the requests (.1: one retry for
// ten requests), that saves up no more than spare retries and begins with them.
func NewRetryBudget(share float64, spare int) *RetryBudget {
	b := &RetryBudget{share: int64(share * 1000), most: int64(max(1, spare)) * 1000}
	b.left.Store(b.most)
	return b
}

// Request adds a request's share.
func (b *RetryBudget) Request() {
	if b == nil {
		return
	}
	for {
		old := b.left.Load()
		next := min(old+b.share, b.most)
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
