package stats

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// Distributions, as DDSketch: counts in bins (g^(i-1), g^i] with
// g = (1+a)/(1-a), so that every quantile is within a relative error of a.
//
// Source: Masson, Rim and Lee, "DDSketch: a fast and fully-mergeable quantile
// sketch with relative-error guarantees", arXiv 1908.10693.
//
// Golden (a = .01): the quantiles .01, .5, .95 and .99 of 1 to 10,000 are
// within 1 %.

// SketchAccuracy is a, the relative accuracy of every quantile.
const SketchAccuracy = 0.01

// The range of values that a Sketch distinguishes; anything outside counts at
// the bound, which limits the sketch's size.
const (
	sketchMin = 1e-6
	sketchMax = 1e9
)

// Sketch holds the distribution of a positive figure in a few kilobytes. It
// merges exactly: the order of Adds and Merges does not matter. The zero value
// is empty and ready for use.
type Sketch struct {
	dd *ddsketch.DDSketch
}

// Add counts one value. Values that are not positive are left out.
func (s *Sketch) Add(v float64) {
	if !(v > 0) {
		return
	}
	s.init()
	// The only error is a value that can't be indexed, which the bounds rule
	// out.
	_ = s.dd.Add(min(max(v, sketchMin), sketchMax))
}

// AddDuration counts a duration in milliseconds.
func (s *Sketch) AddDuration(d time.Duration) { s.Add(float64(d) / float64(time.Millisecond)) }

// Merge adds what another sketch holds.
func (s *Sketch) Merge(o Sketch) {
	if o.dd == nil {
		return
	}
	s.init()
	// Merging fails only for sketches of another accuracy, which UnmarshalJSON
	// refuses.
	_ = s.dd.MergeWith(o.dd)
}

// N is how many values were counted.
func (s Sketch) N() int {
	if s.dd == nil {
		return 0
	}
	return int(s.dd.GetCount())
}

// Quantile returns the value at quantile q in [0,1]; 0 for an empty sketch.
func (s Sketch) Quantile(q float64) float64 {
	if s.N() == 0 {
		return 0
	}
	v, err := s.dd.GetValueAtQuantile(min(max(q, 0), 1))
	if err != nil {
		return 0
	}
	return v
}

// Mean is the mean of the values, within the sketch's accuracy.
func (s Sketch) Mean() float64 {
	n := s.N()
	if n == 0 {
		return 0
	}
	return s.dd.GetSum() / float64(n)
}

func (s *Sketch) init() {
	if s.dd != nil {
		return
	}
	// The only error is an accuracy outside of (0,1).
	s.dd, _ = ddsketch.LogUnboundedDenseDDSketch(SketchAccuracy)
}

// MarshalJSON writes the sketch in its library's own binary form.
func (s Sketch) MarshalJSON() ([]byte, error) {
	if s.N() == 0 {
		return []byte(`""`), nil
	}
	var b []byte
	s.dd.Encode(&b, false)
	return json.Marshal(base64.StdEncoding.EncodeToString(b))
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Sketch) UnmarshalJSON(text []byte) error {
	s.dd = nil
	var encoded string
	if err := json.Unmarshal(text, &encoded); err != nil {
		return fmt.Errorf("sketch: %w", err)
	}
	if encoded == "" {
		return nil
	}
	b, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fmt.Errorf("sketch: %w", err)
	}
	var fresh Sketch
	fresh.init()
	decoded, err := ddsketch.DecodeDDSketch(b, store.DenseStoreConstructor, nil)
	if err != nil {
		return fmt.Errorf("sketch: %w", err)
	}
	if err := fresh.dd.MergeWith(decoded); err != nil {
		return fmt.Errorf("sketch of another accuracy: %w", err)
	}
	s.dd = fresh.dd
	return nil
}
