package exchange

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

type plainEvent struct {
	name, data string
	cut        bool
}

// collect feeds the pieces and returns what came out.
func collect(limit int, pieces ...[]byte) (events []plainEvent) {
	r := sseReader{limit: limit}
	for _, p := range pieces {
		r.push(p)
		for ev, ok := r.next(); ok; ev, ok = r.next() {
			events = append(events, plainEvent{string(ev.name), string(ev.data), ev.cut})
		}
	}
	if ev, ok := r.last(); ok {
		events = append(events, plainEvent{string(ev.name), string(ev.data), ev.cut})
	}
	r.release()
	return events
}

// plainSSE is the WHATWG's algorithm, written down without regard to cost.
func plainSSE(text []byte) (events []plainEvent) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	var name string
	var data []string
	dispatch := func() {
		if data != nil {
			events = append(events, plainEvent{name: name, data: strings.Join(data, "\n")})
		}
		name, data = "", nil
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if line == "" {
			dispatch()
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			name = value
		case "data":
			data = append(data, value)
		}
	}
	dispatch() // the clients' rule: the last event needs no blank line
	return events
}

func TestSSE(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       []plainEvent
	}{
		{"one", "data: a\n\n", []plainEvent{{data: "a"}}},
		{"only one blank is taken off", "data:  a\n\ndata:b\n\n", []plainEvent{{data: " a"}, {data: "b"}}},
		{"named", "event: x\ndata: a\n\n", []plainEvent{{name: "x", data: "a"}}},
		{"the name ends with its event", "event: x\ndata: a\n\ndata: b\n\n", []plainEvent{{name: "x", data: "a"}, {data: "b"}}},
		{"a name alone is no event", "event: x\n\ndata: b\n\n", []plainEvent{{data: "b"}}},
		{"several lines", "data: a\ndata: b\ndata\ndata: c\n\n", []plainEvent{{data: "a\nb\n\nc"}}},
		{"CRLF", "event: x\r\ndata: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []plainEvent{{name: "x", data: "a\nb"}, {data: "c"}}},
		{"CR", "event: x\rdata: a\r\rdata: c\r\r", []plainEvent{{name: "x", data: "a"}, {data: "c"}}},
		{"all line ends", "data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\n", []plainEvent{{data: "a\nb\nc"}, {data: "d"}}},
		{"mark", "\xef\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\ndata: c\n\n", []plainEvent{{data: "a"}, {data: "c"}}},
		{"comments", ": hi\n\n:\n\ndata: a\n: there\n\n", []plainEvent{{data: "a"}}},
		{"other fields", "id: 7\nretry: 10\nfoo: bar\ndata: a\nDATA: b\n data: c\n\n", []plainEvent{{data: "a"}}},
		{"no blank line at the end", "data: a\n\ndata: b\n", []plainEvent{{data: "a"}, {data: "b"}}},
		{"no line end at the end", "data: a\n\ndata: b", []plainEvent{{data: "a"}, {data: "b"}}},
		{"empty data", "data:\n\ndata\n\n", []plainEvent{{}, {}}},
		{"nothing", "\n\r\n\r\n\n", nil},
	} {
		if got := collect(0, []byte(c.text)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q gives %v, want %v", c.what, c.text, got, c.want)
		}
		checkSplits(t, 0, []byte(c.text), 1)
		checkSplits(t, 8, []byte(c.text), 1)
	}
}

// checkSplits compares many ways to cut the text with the whole.
func checkSplits(t *testing.T, limit int, text []byte, seed uint64) {
	t.Helper()
	want := collect(limit, text)
	if limit == 0 {
		if plain := plainSSE(text); !slices.Equal(want, plain) {
			t.Fatalf("%q gives %v, want %v", text, want, plain)
		}
	}
	try := func(pieces [][]byte) {
		if got := collect(limit, pieces...); !slices.Equal(got, want) {
			t.Fatalf("limit %d, %q gives %v, want %v as in one piece", limit, pieces, got, want)
		}
	}
	var single [][]byte
	for i := range text {
		single = append(single, text[i:i+1])
		try([][]byte{text[:i], text[i:]})
	}
	try(single)
	rnd := rand.New(rand.NewPCG(seed, 0))
	for range 4 {
		try(cutUp(rnd, text))
	}
}

// cutUp cuts text at random places; some pieces are empty.
func cutUp(rnd *rand.Rand, text []byte) (pieces [][]byte) {
	for len(text) > 0 {
		n := min(rnd.IntN(12), len(text))
		if rnd.IntN(4) == 0 {
			n = min(rnd.IntN(200), len(text))
		}
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

func FuzzSSE(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfevent: x\r\ndata: a\r\rdata: b\n\n: c\ndata"), uint64(1))
	f.Add([]byte("data: {\"a\":1}\n\ndata: [DONE]\n\n"), uint64(2))
	f.Add([]byte("\r\n\r\r\n\n\rdata\r\n"), uint64(3))
	f.Fuzz(func(t *testing.T, text []byte, seed uint64) {
		if len(text) > 1<<10 {
			return // every cut is tried
		}
		checkSplits(t, 0, text, seed)
		checkSplits(t, 16, text, seed)
	})
}

// What lies within one piece must not be copied.
func TestSSECopiesNothing(t *testing.T) {
	piece := []byte(strings.Repeat(chatChunk, 3))
	var r sseReader
	if n := testing.AllocsPerRun(100, func() {
		r.push(piece)
		for ev, ok := r.next(); ok; ev, ok = r.next() {
			if &ev.data[0] != &piece[bytes.IndexByte(piece, '{')] {
				break
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
	r.push(piece)
	ev, _ := r.next()
	if &ev.data[0] != &piece[6] {
		t.Error("the data was copied")
	}
	for ok := true; ok; _, ok = r.next() {
	}
	if r.carry != nil || r.in != nil {
		t.Error("something is kept between events")
	}
}

func TestSSELongEvent(t *testing.T) {
	long := "event: big\ndata: " + strings.Repeat("x", eventLimit) + "\n\n"
	text := []byte(long + "data: next\n\n")
	for _, pieces := range [][][]byte{{text}, {text[:100], text[100:]}, {text[:eventLimit], text[eventLimit:]}} {
		got := collect(0, pieces...)
		if len(got) != 2 || got[0].name != "big" || !got[0].cut || len(got[0].data) > cutEvent || got[1] != (plainEvent{data: "next"}) {
			t.Fatalf("%d events, first %q cut %v with %d bytes", len(got), got[0].name, got[0].cut, len(got[0].data))
		}
	}
}

// Neither many short lines nor many short pieces may cost more than their length.
func TestSSEIsLinear(t *testing.T) {
	for _, line := range []string{"\r", ":\r", "\n", ":\n", "data\r", "x"} {
		text := []byte(strings.Repeat(line, eventLimit/8/len(line)))
		if got := collect(0, text); len(got) > 1 {
			t.Errorf("%d events of %q", len(got), line)
		}
	}
}
