package compare

import (
	"strings"
	"unicode"
)

// checkLoop notes a text that ends in the same words over and over.
func (c *comparison) checkLoop(s *side) {
	if endsInLoop(s.x.Completion.Text) {
		c.addTrait(s, CodeLoop)
	}
}

// The bounds that distinguish a loop from a figure of speech.
const (
	loopWindow  = 1024 // bytes of the end that are looked at
	loopLength  = 120  // least length of the repetitions, bytes
	loopRepeats = 4    // least number of repetitions
)

// endsInLoop reports whether the end of a text is one piece, with a letter in
// it, repeated.
func endsInLoop(text string) bool {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	if len(text) < loopLength {
		return false
	}
	tail := text[max(0, len(text)-loopWindow):]
	n := len(tail)
	// border[i] is the length of the longest proper border of the last i+1
	// bytes, read backwards (the failure function of Knuth, Morris and Pratt);
	// i+1-border[i] is then their smallest period.
	var border [loopWindow]int32
	for i := 1; i < n; i++ {
		k := border[i-1]
		for k > 0 && tail[n-1-i] != tail[n-1-int(k)] {
			k = border[k-1]
		}
		if tail[n-1-i] == tail[n-1-int(k)] {
			k++
		}
		border[i] = k
		length := i + 1
		period := length - int(k)
		if length >= loopLength && length >= period*loopRepeats && hasLetter(tail[n-period:]) {
			return true
		}
	}
	return false
}

func hasLetter(s string) bool {
	return strings.IndexFunc(s, unicode.IsLetter) >= 0
}
