package compare

import "cutover/exchange"

// Outcome is how a request offered to the mirror ended. Every offered request
// ends in exactly one outcome, so the counts add up to the requests.
type Outcome string

// The outcomes.
const (
	Both        Outcome = "both"         // two answers (each may be a failure that is an answer: a status)
	PrimaryOnly Outcome = "primary_only" // the relay's call brought no answer
	RelayOnly   Outcome = "relay_only"   // the primary's call brought no answer
	Neither     Outcome = "neither"      // no answer from either side
	Aborted     Outcome = "aborted"      // the caller went away
	Skipped     Outcome = "skipped"      // not mirrored by rule; Why says which
	Dropped     Outcome = "dropped"      // not mirrored for want of room; Why says which
)

// Pair is one request and what both providers made of it. Either exchange may
// be nil when its call was never made.
type Pair struct {
	Request *exchange.Request
	Served  exchange.Arm // whose answer the caller got
	Primary *exchange.Exchange
	Relay   *exchange.Exchange
	// Rerun is the primary's answer to a second call with the same request, for
	// the share of pairs by which its own noise is measured; else nil.
	Rerun   *exchange.Exchange
	Outcome Outcome
	Why     string // a short code for Skipped and Dropped
}
