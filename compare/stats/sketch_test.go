package stats

import (
	"math"
	"testing"
)

func TestSketchQuantilesAreWithinOnePercent(t *testing.T) {
	var s Sketch
	for i := 1; i <= 10000; i++ {
		s.Add(float64(i))
	}
	for _, q := range []float64{.01, .5, .95, .99} {
		if got, want := s.Quantile(q), q*10000; math.Abs(got/want-1) > .0101 {
			t.Errorf("q%v: %v", q, got)
		}
	}
	s.Add(-1)
	s.Add(math.NaN())
	s.Add(math.Inf(1))
	if s.N() != 10001 {
		t.Errorf("%d values", s.N())
	}
	if err := new(Sketch).UnmarshalJSON([]byte(`"AAAA"`)); err == nil {
		t.Error("garbage is a sketch")
	}
}
