package router

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"cutover/exchange"
)

const fuzzName = `"asked \u2603"`

// FuzzModelRewriter: in whatever pieces a stream comes, its bytes stay, but for
// the model's name in the places where an event has one.
func FuzzModelRewriter(f *testing.F) {
	for _, s := range []string{
		"data: {\"model\":\"a\",\"x\":1}\n\ndata: [DONE]\n\n",
		"event: message_start\r\ndata: {\"message\":{\"model\":\"a\"}}\r\n\r\nevent: ping\r\ndata: {}\r\n\r\n",
		"data:{\"response\":\rdata:{\"model\":\"\\u00e9\"\rdata}}\rdata:}}\r\r",
		"\xef\xbb\xbf: hi\ndata: {\"model\":\ndata: \"a\"}\n\ndata: {\"model\":\"a\"}",
		"data: {\"model\":\"a\r\n\r\n\n\r\rid: 7\n\n", "\n\r", "data", "",
		"data: {\"choices\":[{\"delta\":{\"content\":\"\\\"model\\\":\\\"a\\\"\"}}],\"model\":\"a\",\"model\":\"b\"}\n\n",
	} {
		for i := range uint8(3) {
			f.Add(i, uint64(len(s)), []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, choice uint8, seed uint64, stream []byte) {
		dialect := []exchange.Dialect{exchange.OpenAIChat, exchange.OpenAIResponses, exchange.AnthropicMessages}[choice%3]
		var want any
		_ = json.Unmarshal([]byte(fuzzName), &want)
		got := rewritten(dialect, stream, len(stream)+1, rand.New(rand.NewPCG(seed, 0)))
		if small := rewritten(dialect, stream, 5, rand.New(rand.NewPCG(seed, 1))); !bytes.Equal(small, got) {
			t.Fatalf("%q\nin pieces becomes %q\nwhole it becomes  %q", stream, small, got)
		}
		checkOnlyNames(t, stream, got)
		before, after := dataOf(string(stream)), dataOf(string(got))
		if len(before) != len(after) {
			t.Fatalf("%q has %d events and becomes %q, with %d", stream, len(before), got, len(after))
		}
		for i := range before {
			checkRewritten(t, dialect, before[i], after[i], want)
		}
	})
}

// rewritten passes a stream in pieces of less than n bytes.
func rewritten(d exchange.Dialect, stream []byte, n int, r *rand.Rand) []byte {
	s := &modelRewriter{dialect: d, name: []byte(fuzzName)}
	var out []byte
	for len(stream) > 0 {
		k := min(1+r.IntN(n), len(stream))
		piece := bytes.Clone(stream[:k])
		out = append(out, s.rewrite(piece)...)
		clear(piece) // nobody may hold on to it
		stream = stream[k:]
	}
	return append(out, s.flush()...)
}

// checkOnlyNames walks both texts: where they part, a JSON string has become
// the name.
func checkOnlyNames(t *testing.T, before, after []byte) {
	t.Helper()
	if bytes.Contains(before, []byte(fuzzName)) {
		return
	}
	rest := before
	for i, part := range bytes.Split(after, []byte(fuzzName)) {
		if i > 0 {
			d := json.NewDecoder(bytes.NewReader(rest))
			if token, err := d.Token(); err != nil || reflect.TypeOf(token).Kind() != reflect.String {
				t.Fatalf("%q becomes %q: the name stands for %v, %v", before, after, token, err)
			}
			rest = rest[d.InputOffset():]
		}
		var ok bool
		if rest, ok = bytes.CutPrefix(rest, part); !ok {
			t.Fatalf("%q becomes %q: bytes are lost or moved before %q", before, after, rest)
		}
	}
	if len(rest) > 0 {
		t.Fatalf("%q becomes %q: %q is lost", before, after, rest)
	}
}

// dataOf reads the events of a stream in the simplest way.
func dataOf(stream string) (all []string) {
	stream = strings.TrimPrefix(stream, "\xef\xbb\xbf")
	stream = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(stream)
	for block := range strings.SplitSeq(stream, "\n\n") {
		var data []string
		for line := range strings.SplitSeq(block, "\n") {
			if value, ok := strings.CutPrefix(line, "data:"); ok {
				data = append(data, value)
			}
		}
		all = append(all, strings.Join(data, "\n"))
	}
	return all
}

// checkRewritten compares one event's data with the original.
func checkRewritten(t *testing.T, d exchange.Dialect, before, after string, want any) {
	t.Helper()
	var was, is map[string]any
	if json.Unmarshal([]byte(before), &was) != nil {
		if before != after {
			t.Fatalf("%q is no JSON object and becomes %q", before, after)
		}
		return
	}
	if err := json.Unmarshal([]byte(after), &is); err != nil {
		t.Fatalf("%q becomes %q: %v", before, after, err)
	}
	holder := was
	switch d {
	case exchange.OpenAIResponses:
		holder, _ = was["response"].(map[string]any)
	case exchange.AnthropicMessages:
		holder, _ = was["message"].(map[string]any)
	}
	if _, ok := holder["model"].(string); ok && strings.Count(before, "{")+strings.Count(before, "[") < 500 {
		holder["model"] = want
	}
	if !reflect.DeepEqual(was, is) {
		t.Fatalf("%q becomes %q", before, after)
	}
}

// What is too long passes as it is, and at once.
func TestModelRewriterPassesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	long := []byte(`data: {"x":"` + strings.Repeat("x", 2*maxRewrittenEvent) + `","model":"a"}` + "\n\n")
	next := []byte("data: {\"model\":\"a\"}\n\n")
	s := &modelRewriter{dialect: exchange.OpenAIChat, name: []byte(`"b"`)}
	var out []byte
	stream := append(append([]byte{}, long...), next...)
	for len(stream) > 0 {
		n := min(len(stream), 4096)
		out = append(out, s.rewrite(stream[:n])...)
		stream = stream[n:]
		if len(s.held) > maxRewrittenEvent {
			t.Fatalf("%d bytes are held", len(s.held))
		}
	}
	out = append(out, s.flush()...)
	if want := string(long) + "data: {\"model\":\"b\"}\n\n"; string(out) != want {
		t.Errorf("%d bytes came out, want %d: the long event as it was, and the name in the next (%q)", len(out), len(want), out[len(out)-40:])
	}
}
