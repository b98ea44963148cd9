package mock

// eventList builds the events of a stream in one buffer.
type eventList struct {
	marks  *marks
	buf    []byte
	events []event
	ends   []int
}

// reserve allocates space for n events of about the given size.
func (l *eventList) reserve(n, size int) {
	l.buf = make([]byte, 0, n*size)
	l.events = make([]event, 0, n)
	l.ends = make([]int, 0, n)
}

// data adds an unnamed event, as in OpenAI's chat; write builds the payload.
func (l *eventList) data(kind eventKind, tokens int, write func([]byte) []byte) {
	l.named("", kind, tokens, write)
}

// named adds an event with its name.
func (l *eventList) named(name string, kind eventKind, tokens int, write func([]byte) []byte) {
	if name != "" {
		l.buf = append(append(append(l.buf, "event: "...), name...), '\n')
	}
	l.buf = append(l.buf, "data: "...)
	l.buf = append(write(l.buf), '\n', '\n')
	l.events = append(l.events, event{kind: kind, tokens: tokens})
	l.ends = append(l.ends, len(l.buf))
}

// done splits the buffer into events and finds their marks.
func (l *eventList) done() []event {
	start := 0
	for i, end := range l.ends {
		l.events[i].template = l.marks.template(l.buf[start:end:end])
		start = end
	}
	return l.events
}

// padding is the text of an obfuscation field for a piece of that many bytes. Together
// they hide the piece's length, like OpenAI's.
func padding(n int, seed uint64) string {
	d := throw(seed, uint64(n))
	b := make([]byte, 16-n%16)
	for i := range b {
		b[i] = letters[d.n(len(letters))]
	}
	return string(b)
}
