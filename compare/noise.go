package compare

import (
	"math"

	"cutover/compare/stats"
	"cutover/exchange"
)

// Triple holds the distances between three responses to one request: two of the
// primary's and one of the relay's. A language model responds differently every
// time, so only what exceeds the primary's own run-to-run variation means
// anything. Distances are in [0,1].
type Triple struct {
	Self  float64 `json:"self"`  // primary to its second response
	Relay float64 `json:"relay"` // primary to relay
	Again float64 `json:"again"` // primary's second response to relay
}

// Excess is how much farther the relay is from the primary than the primary is
// from itself, in [-1,1].
func (t Triple) Excess() float64 { return (t.Relay+t.Again)/2 - t.Self }

// measureTriple measures a triple. It is nil when one of the responses can't be
// compared or has no text: tool calls have their own checks, and would drown the
// distances between texts.
func measureTriple(p Pair) *Triple {
	for _, x := range []*exchange.Exchange{p.Primary, p.Relay, p.Rerun} {
		if x == nil || !x.OK() || x.Completion.Text == "" {
			return nil
		}
	}
	a, r, again := p.Primary.Completion.Text, p.Relay.Completion.Text, p.Rerun.Completion.Text
	return &Triple{Self: 1 - Similarity(a, again), Relay: 1 - Similarity(a, r), Again: 1 - Similarity(again, r)}
}

// NoiseAggregate sums up triples.
type NoiseAggregate struct {
	Self   stats.Micro   `json:"self"` // sum of Triple.Self
	Excess stats.Moments `json:"excess"`
	Wins   uint64        `json:"wins"`   // the relay is farther than the primary's own second response
	Losses uint64        `json:"losses"` // it is closer; ties count as neither
}

// Add counts a triple.
func (n *NoiseAggregate) Add(t Triple) {
	n.Self += stats.NewMicro(t.Self)
	n.Excess.Add(t.Excess())
	switch {
	case t.Relay > t.Self:
		n.Wins++
	case t.Relay < t.Self:
		n.Losses++
	}
}

// Merge adds what another aggregate counted.
func (n *NoiseAggregate) Merge(o NoiseAggregate) {
	n.Self += o.Self
	n.Excess.Merge(o.Excess)
	n.Wins += o.Wins
	n.Losses += o.Losses
}

// MeanSelf is the mean distance between two responses of the primary.
func (n NoiseAggregate) MeanSelf() float64 {
	if n.Excess.N == 0 {
		return 0
	}
	return n.Self.Float() / float64(n.Excess.N)
}

// Answer is what the evidence says about a yes-or-no question.
type Answer string

// The answers.
const (
	Unknown Answer = "unknown"
	Yes     Answer = "yes"
	No      Answer = "no"
)

// String is the answer for people.
func (a Answer) String() string {
	if a == Unknown {
		return "open"
	}
	return string(a)
}

// Differs answers whether the relay differs from the primary by more than the
// primary differs from itself, each answer with error probability alpha:
//
//	no   the excess is shown to be below margin;
//	yes  it is shown to be above 0, by its interval or by the sign test.
func (n NoiseAggregate) Differs(margin, alpha float64) Answer {
	enough := n.Excess.N >= stats.MinMoments
	radius := n.Excess.Radius(alpha)
	switch {
	case enough && n.Excess.Mean()+radius < margin:
		return No
	case enough && n.Excess.Mean()-radius > 0,
		n.Excess.Mean() > 0 && n.Wins > n.Losses && stats.SignLogE(n.Wins, n.Losses) >= math.Log(1/alpha):
		return Yes
	}
	return Unknown
}
