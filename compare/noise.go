package compare

import (
	"math"

	"cutover/compare/stats"
	"cutover/exchange"
)

// Triple holds the distances between three answers to one request: two of the
// primary's and one of the relay's. A language model answers differently every
// time, so only the distances beyond the primary's own mean anything.
type Triple struct {
	Self  float64 `json:"self"`  // primary to its second answer, in [0,1]
	Relay float64 `json:"relay"` // primary to relay
	Again float64 `json:"again"` // primary's second answer to relay
}

// Excess is how much farther the relay is from the primary than the primary
// from itself.
func (t Triple) Excess() float64 { return (t.Relay+t.Again)/2 - t.Self }

// tripleOf measures a triple; nil when one of the answers can't be compared or
// has no text: one that calls a tool instead has checks of its own, and would
// drown the distances between texts.
func tripleOf(p Pair) *Triple {
	for _, x := range []*exchange.Exchange{p.Primary, p.Relay, p.Rerun} {
		if x == nil || !x.OK() || x.Completion.Text == "" {
			return nil
		}
	}
	a, r, again := p.Primary.Completion.Text, p.Relay.Completion.Text, p.Rerun.Completion.Text
	return &Triple{Self: 1 - Similarity(a, again), Relay: 1 - Similarity(a, r), Again: 1 - Similarity(again, r)}
}

// NoiseTally sums triples up.
type NoiseTally struct {
	Self   stats.Micro   `json:"self"` // sum of the distances of the primary to itself
	Excess stats.Moments `json:"excess"`
	Wins   uint64        `json:"wins"`   // relay farther than the primary's own second answer
	Losses uint64        `json:"losses"` // nearer; ties are in neither
}

// Add counts a triple.
func (n *NoiseTally) Add(t Triple) {
	n.Self += stats.NewMicro(t.Self)
	n.Excess.Add(t.Excess())
	switch {
	case t.Relay > t.Self:
		n.Wins++
	case t.Relay < t.Self:
		n.Losses++
	}
}

// Merge adds what another tally counted.
func (n *NoiseTally) Merge(o NoiseTally) {
	n.Self += o.Self
	n.Excess.Merge(o.Excess)
	n.Wins += o.Wins
	n.Losses += o.Losses
}

// MeanSelf is the mean distance of the primary to itself.
func (n NoiseTally) MeanSelf() float64 {
	if n.Excess.N == 0 {
		return 0
	}
	return n.Self.Float() / float64(n.Excess.N)
}

// Answer is what the evidence says to a yes-or-no question.
type Answer string

// The answers.
const (
	Unknown Answer = "not yet known"
	Yes     Answer = "yes"
	No      Answer = "no"
)

// Differs answers whether the relay differs from the primary by more than the
// primary differs from itself and margin, each answer with error alpha:
//
//	no   the excess is shown to be below the margin;
//	yes  it is shown to be above 0, by its interval or by the sign test.
func (n NoiseTally) Differs(margin, alpha float64) Answer {
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
