package compare

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sergi/go-diff/diffmatchpatch"
)

// Edit is one piece of a word-level diff: Op is -1 for words of the first text
// only, +1 for words of the second only, 0 for words of both.
type Edit struct {
	Op   int8   `json:"op"`
	Text string `json:"text"`
}

// maxDiffWords bounds each side of a diff; the cost grows with the square of
// what differs.
const maxDiffWords = 6000

// Diff shows how two texts differ, word by word, cleaned up so that people can
// read it. Texts beyond some 6,000 words are cut. For showing, not for scoring
// every pair: it can take milliseconds.
func Diff(a, b string) []Edit {
	alphabet := newWordAlphabet()
	d := differ()
	diffs := d.DiffMainRunes(alphabet.encode(a), alphabet.encode(b), false)
	edits := make([]Edit, 0, len(diffs))
	for _, piece := range d.DiffCleanupSemantic(alphabet.decode(diffs)) {
		if piece.Text != "" {
			edits = append(edits, Edit{Op: int8(piece.Type), Text: piece.Text})
		}
	}
	return edits
}

// DiffSimilarity is the share of both texts' words that a word-level diff keeps
// in place, in [0,1]; unlike Similarity it minds the order of the words.
func DiffSimilarity(a, b string) float64 {
	alphabet := newWordAlphabet()
	x, y := alphabet.encode(a), alphabet.encode(b)
	if len(x)+len(y) == 0 {
		return 1
	}
	kept := 0
	for _, d := range differ().DiffMainRunes(x, y, false) {
		if d.Type == diffmatchpatch.DiffEqual {
			kept += utf8.RuneCountInString(d.Text)
		}
	}
	return 2 * float64(kept) / float64(len(x)+len(y))
}

// differ sets no time limit: results must not depend on how busy the machine
// is, and maxDiffWords bounds the work.
func differ() *diffmatchpatch.DiffMatchPatch {
	d := diffmatchpatch.New()
	d.DiffTimeout = 0
	return d
}

// wordAlphabet gives each distinct piece of text a rune of its own, so that a
// diff of runes is a diff of words.
type wordAlphabet struct {
	runes map[string]rune
	words map[rune]string
	next  rune
}

func newWordAlphabet() *wordAlphabet {
	return &wordAlphabet{runes: map[string]rune{}, words: map[rune]string{}, next: 1}
}

// encode turns a text into one rune for each of its pieces.
func (w *wordAlphabet) encode(text string) []rune {
	var out []rune
	for text != "" && len(out) < maxDiffWords {
		n := pieceLength(text)
		word := text[:n]
		text = text[n:]
		r, ok := w.runes[word]
		if !ok {
			if w.next == 0xD800 { // surrogates are no valid runes
				w.next = 0xE000
			}
			r = w.next
			w.next++
			w.runes[word], w.words[r] = r, word
		}
		out = append(out, r)
	}
	return out
}

// decode turns diffs of runes back into diffs of text.
func (w *wordAlphabet) decode(diffs []diffmatchpatch.Diff) []diffmatchpatch.Diff {
	for i, d := range diffs {
		var b strings.Builder
		for _, r := range d.Text {
			b.WriteString(w.words[r])
		}
		diffs[i].Text = b.String()
	}
	return diffs
}

// pieceLength is the length of the first piece of a text that is not empty: a
// word, a run of white space, or a single other character.
func pieceLength(text string) int {
	kind, n := pieceOther, 0
	for n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		k := pieceKind(r)
		if n == 0 {
			kind = k
			if kind == pieceOther {
				return size
			}
		} else if k != kind {
			break
		}
		n += size
	}
	return n
}

const (
	pieceOther = iota
	pieceWord
	pieceSpace
)

func pieceKind(r rune) int {
	switch {
	case spaceless(r):
		return pieceOther
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return pieceWord
	case unicode.IsSpace(r):
		return pieceSpace
	}
	return pieceOther
}
