package stats

// Interval is a confidence interval, both ends included. Where it is one step
// of a confidence sequence, the truth is inside at all times together with the
// probability that the sequence was made for.
type Interval struct {
	Low  float64 `json:"low"`  // lower end
	High float64 `json:"high"` // upper end
}

// bisect finds where inside turns false on the way from a point where it holds
// to the end of the range.
func bisect(from, to float64, inside func(float64) bool) float64 {
	if !inside(from) {
		return from
	}
	a, b := from, to
	for range 50 {
		mid := a + (b-a)/2
		if inside(mid) {
			a = mid
		} else {
			b = mid
		}
	}
	return b
}
