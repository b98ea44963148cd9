package compare

import (
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
)

// Piece is a piece of text on one side of a diff, safe to show on a terminal.
type Piece struct {
	Text    string
	Changed bool // the other side does not have it
}

// Sides is the word-level diff of the two responses, split into primary and
// relay.
func (s *Sample) Sides() (primary, relay []Piece) {
	for _, e := range Diff(s.Primary.flatten(), s.Relay.flatten()) {
		if e.Op <= 0 {
			primary = append(primary, Piece{visible(e.Text), e.Op < 0})
		}
		if e.Op >= 0 {
			relay = append(relay, Piece{visible(e.Text), e.Op > 0})
		}
	}
	return primary, relay
}

// visible makes a text harmless on a terminal: characters that would move the
// cursor, change colours or reverse the writing direction are replaced by visible
// ones. A response comes from outside and must not control the reader's terminal.
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

// cells is a line of a column: its text with colours, and its width on screen.
type cells struct {
	text  string
	width int
}

// marks are put around runs of changed words.
type marks struct {
	before, after string
	width         int // of both on screen, in cells
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

// wrap breaks pieces into lines of at most width cells, between words if possible,
// and puts marks around changed words.
func wrap(pieces []Piece, width int, m marks) []cells {
	w := wrapper{width: width, marks: m}
	for _, p := range pieces {
		for text := p.Text; text != ""; {
			n := tokenLength(text)
			w.add(text[:n], p.Changed)
			text = text[n:]
		}
	}
	w.flush()
	return w.lines
}

// add writes one token of a text: a word, white space, or another character.
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
		space := w.width - w.used
		if changed && !w.changed {
			space -= w.marks.width
		}
		if uniseg.StringWidth(word) > space && w.used > 0 {
			w.flush()
			word = strings.TrimLeft(word, " ")
			continue
		}
		head := fit(word, max(1, space))
		w.write(head, changed)
		word = word[len(head):]
	}
}

// write appends text that fits on the line.
func (w *wrapper) write(text string, changed bool) {
	if changed != w.changed {
		if changed {
			w.line.WriteString(w.marks.before)
			w.used += w.marks.width // both marks
		} else {
			w.line.WriteString(w.marks.after)
		}
		w.changed = changed
	}
	w.line.WriteString(text)
	w.used += uniseg.StringWidth(text)
}

// flush ends the line.
func (w *wrapper) flush() {
	if w.changed {
		w.line.WriteString(w.marks.after)
		w.changed = false
	}
	w.lines = append(w.lines, cells{w.line.String(), w.used})
	w.line.Reset()
	w.used = 0
}

// fit returns the part of a word that fits into the width, at least one
// character.
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

// columns writes two columns of lines side by side.
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
