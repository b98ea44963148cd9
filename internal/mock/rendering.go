package mock

import (
	"bytes"
	"math/rand/v2"
)

// rendering is a response in the bytes of its dialect, with placeholders for ids and
// times, so that one rendering serves all calls with the same body.
type rendering struct {
	body   template // of a response that is not streamed
	events []event  // of a stream
	tokens int      // content tokens
	billed int      // output tokens of usage, for the rate limit
}

// event is one server-sent event with its blank line.
type event struct {
	template
	kind   eventKind
	tokens int // of content in it
}

// eventKind is what faults and delays need to know about an event.
type eventKind uint8

const (
	openingEvent eventKind = iota // before the content
	contentEvent
	closingEvent // after the content
	usageEvent   // a closing event only for the usage
	finishEvent  // a closing event with the finish reason
	lastEvent    // the dialect's final event
)

// template is text with marks, which are replaced by text of the same length.
type template struct {
	text  []byte
	marks []mark
}

type mark struct {
	at   int
	slot int // 0 and up: an id; createdSlot: the time
}

const (
	idLen       = 24
	markLen     = 12 // of an id's mark that is the same for all slots
	createdSlot = -1
	maxSlots    = 10_000
)

// marks are the placeholders for ids and times in a rendering. They are random, so that
// no prompt can contain them by accident.
type marks struct {
	id      string // the first markLen characters of an id
	created string // ten digits
}

func newMarks() marks {
	b := make([]byte, markLen)
	for i := range b {
		b[i] = letters[rand.IntN(26)+10]
	}
	return marks{id: string(b), created: itoa(5_000_000_000 + rand.Int64N(4_000_000_000))}
}

const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// slot is the mark of the n-th id of a response.
func (m *marks) slot(n int) string {
	digits := "00000000000" + itoa(min(n, maxSlots))
	return m.id + digits[len(digits)-(idLen-markLen):]
}

// template finds the marks in text.
func (m *marks) template(text []byte) template {
	t := template{text: text}
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(m.id))
		if i < 0 || from+i+idLen > len(text) {
			break
		}
		at := from + i
		n := 0
		for _, c := range text[at+markLen : at+idLen] {
			n = n*10 + int(c-'0')
		}
		t.marks = append(t.marks, mark{at: at, slot: n})
		from = at + idLen
	}
	for from := 0; ; {
		i := bytes.Index(text[from:], []byte(m.created))
		if i < 0 {
			return t
		}
		t.marks = append(t.marks, mark{at: from + i, slot: createdSlot})
		from += i + len(m.created)
	}
}

// fill appends the text with this call's ids and time.
func (t *template) fill(b []byte, id uint64, created int64) []byte {
	start := len(b)
	b = append(b, t.text...)
	for _, m := range t.marks {
		at := start + m.at
		if m.slot == createdSlot {
			writeDigits(b[at:at+10], created)
			continue
		}
		writeID(b[at:at+idLen], id, m.slot)
	}
	return b
}

func writeDigits(b []byte, n int64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte('0' + n%10)
		n /= 10
	}
}

func writeID(b []byte, id uint64, slot int) {
	d := throw(id, uint64(slot))
	var bits uint64
	for i := range b {
		if i%8 == 0 {
			bits = d.next()
		}
		b[i] = letters[bits%62]
		bits /= 62
	}
}

// newID is the n-th id of a call as text.
func newID(id uint64, slot int) string {
	b := make([]byte, idLen)
	writeID(b, id, slot)
	return string(b)
}
