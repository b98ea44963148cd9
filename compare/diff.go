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

// maxDiffWords bounds each side of a diff, whose cost grows with the square of
// the differences.
const maxDiffWords = 6000

// Diff shows how two texts differ, word by word, cleaned up for reading. Texts
// longer than about 6,000 words are cut. It can take milliseconds: it is for
// looking at a pair, not for scoring every pair.
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
// in place, in [0,1]. Unlike Similarity it depends on the order of the words.
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

// differ sets no time limit: results must not depend on the machine's load, and
// maxDiffWords bounds the work.
func differ() *diffmatchpatch.DiffMatchPatch {
	d := diffmatchpatch.New()
	d.DiffTimeout = 0
	return d
}

// wordAlphabet gives each distinct token of a text a rune of its own, so that a
// diff of runes is a diff of words.
type wordAlphabet struct {
	runes map[string]rune
	words map[rune]string
	next  rune
}

func newWordAlphabet() *wordAlphabet {
	return &wordAlphabet{runes: map[string]rune{}, words: map[rune]string{}, next: 1}
}

// encode turns a text into one rune for each of its tokens.
func (w *wordAlphabet) encode(text string) []rune {
	var out []rune
	for text != "" && len(out) < maxDiffWords {
		n := tokenLength(text)
		word := text[:n]
		text = text[n:]
		r, ok := w.runes[word]
		if !ok {
			if w.next == 0xD800 { // surrogates are not valid runes
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

// tokenLength is the length in bytes of the first token of a non-empty text: a
// word, a run of white space, or a single other character.
func tokenLength(text string) int {
	kind, n := tokenOther, 0
	for n < len(text) {
		r, size := utf8.DecodeRuneInString(text[n:])
		k := tokenKind(r)
		if n == 0 {
			kind = k
			if kind == tokenOther {
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
	tokenOther = iota
	tokenWord
	tokenSpace
)

func tokenKind(r rune) int {
	switch {
	case spaceless(r):
		return tokenOther
	case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsMark(r):
		return tokenWord
	case unicode.IsSpace(r):
		return tokenSpace
	}
	return tokenOther
}
