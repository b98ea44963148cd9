package stats

// Micro is a sum in millionths. It is a whole number, so that the order of
// addition does not matter.
type Micro int64

// Float is the sum as a number.
func (m Micro) Float() float64 { return float64(m) / 1e6 }

// NewMicro rounds x to millionths, halves away from zero.
func NewMicro(x float64) Micro { return Micro(roundHalfAway(x * 1e6)) }

// Nano is a sum in billionths, likewise a whole number.
type Nano int64

// Float is the sum as a number.
func (n Nano) Float() float64 { return float64(n) / 1e9 }

// NewNano rounds x to billionths, halves away from zero.
func NewNano(x float64) Nano { return Nano(roundHalfAway(x * 1e9)) }

func roundHalfAway(x float64) int64 {
	if x < 0 {
		return -int64(-x + .5)
	}
	return int64(x + .5)
}
