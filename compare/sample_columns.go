package compare

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// piece is text of one side of a diff; changed is what the other side lacks.
type piece struct {
	text    string
	changed bool
}

// sidesOf splits a word-level diff into its two sides.
func sidesOf(a, b string) (left, right []piece) {
	for _, e := range Diff(a, b) {
		if e.Op <= 0 {
			left = append(left, piece{e.Text, e.Op < 0})
		}
		if e.Op >= 0 {
			right = append(right, piece{e.Text, e.Op > 0})
		}
	}
	return left, right
}

// visible makes a text harmless on a terminal: whatever would move the cursor,
// change colours or turn the direction of writing is shown as a sign. An
// answer comes from outside and must not steer the terminal of who looks at it.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t':
			return ' '
		case r < 0x20:
			return 0x2400 + r // the control pictures
		case r == 0x7F, r >= 0x80 && r < 0xA0, unicode.Is(unicode.Bidi_Control, r):
			return '�'
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
}

// cells is a line of a column: its text with colours, and how wide it shows.
type cells struct {
	text  string
	width int
}

// marks are put around runs of changed words; Width is what they take up.
type marks struct {
	open, shut string
	width      int
}

// wrapper breaks pieces into lines.
type wrapper struct {
	width   int
	marks   marks
	lines   []cells
	line    strings.Builder
	used    int
	changed bool // a run of changed words is open
}

// wrap breaks pieces into lines of at most width cells, between words where it
// can, and puts marks around what changed.
func wrap(pieces []piece, width int, m marks) []cells {
	w := wrapper{width: width, marks: m}
	for _, p := range pieces {
		for text := visible(p.text); text != ""; {
			n := pieceLength(text)
			w.add(text[:n], p.changed)
			text = text[n:]
		}
	}
	w.flush()
	return w.lines
}

// add writes one piece of a text: a word, white space, or a sign.
func (w *wrapper) add(word string, changed bool) {
	if i := strings.LastIndexByte(word, '\n'); i >= 0 {
		for range strings.Count(word, "\n") {
			w.flush()
		}
		word = word[i+1:]
		if len(word) >= w.width/2 {
			word = ""
		}
	}
	for word != "" {
		room := w.width - w.used
		if changed && !w.changed {
			room -= w.marks.width
		}
		if uniseg.StringWidth(word) > room && w.used > 0 {
			w.flush()
			word = strings.TrimLeft(word, " ")
			continue
		}
		head := fit(word, max(1, room))
		w.write(head, changed)
		word = word[len(head):]
	}
}

// write puts text that fits on the line.
func (w *wrapper) write(text string, changed bool) {
	if changed != w.changed {
		if changed {
			w.line.WriteString(w.marks.open)
			w.used += w.marks.width // both marks
		} else {
			w.line.WriteString(w.marks.shut)
		}
		w.changed = changed
	}
	w.line.WriteString(text)
	w.used += uniseg.StringWidth(text)
}

// flush ends the line.
func (w *wrapper) flush() {
	if w.changed {
		w.line.WriteString(w.marks.shut)
		w.changed = false
	}
	w.lines = append(w.lines, cells{w.line.String(), w.used})
	w.line.Reset()
	w.used = 0
}

// fit is as much of a word as fits into the width, at least one character.
func fit(word string, width int) string {
	used, n := 0, 0
	g := uniseg.NewGraphemes(word)
	for g.Next() {
		if used += g.Width(); used > width && n > 0 {
			break
		}
		n += len(g.Str())
	}
	return word[:n]
}

// columns puts two columns of lines beside each other.
func columns(b *strings.Builder, left, right []cells, width int) {
	for i := range max(len(left), len(right)) {
		var l, r cells
		if i < len(left) {
			l = left[i]
		}
		if i < len(right) {
			r = right[i]
		}
		b.WriteString(l.text)
		if r.text != "" {
			b.WriteString(strings.Repeat(" ", max(0, width-l.width)))
			b.WriteString("  │ ")
			b.WriteString(r.text)
		}
		b.WriteByte('\n')
	}
}
