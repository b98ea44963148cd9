package exchange

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var fuzzContentTypes = []string{"text/event-stream", "application/json", "text/plain", ""}

var fuzzEncodings = []string{"", "gzip", "deflate", "br", "zstd", "gzip, br", "what"}

// fuzzResponse is one response to record, out of the fuzzer's choices.
type fuzzResponse struct {
	path          string
	status        int
	header        http.Header
	options       RecorderOptions
	end           Class
	encoded, body []byte
}

func newFuzzAnswer(t testing.TB, choice uint32, body []byte) fuzzResponse {
	pick := func(n int) int {
		i := int(choice) % n
		choice /= uint32(n)
		return i
	}
	a := fuzzResponse{body: body, encoded: body}
	a.path = inferencePaths[pick(len(inferencePaths))]
	a.header = http.Header{"Content-Type": {fuzzContentTypes[pick(len(fuzzContentTypes))]}}
	encoding := fuzzEncodings[pick(len(fuzzEncodings))]
	a.status = []int{200, 200, 200, 204, 302, 400, 500}[pick(7)]
	a.end = []Class{ClassNone, ClassNone, ClassBroken, ClassAborted}[pick(4)]
	a.options.KeepText = pick(2) == 1
	a.options.CaptureLimit = []int{0, 7, 1 << 20}[pick(3)]
	honest := pick(4) > 0 // else the body is not what the header says
	if encoding != "" {
		a.header.Set("Content-Encoding", encoding)
	}
	for coding := range strings.SplitSeq(encoding, ", ") {
		if honest && slices.Contains(codings, coding) {
			a.encoded = encode(t, coding, a.encoded)
		}
	}
	return a
}

func (a *fuzzResponse) play(pieces [][]byte, look bool) (*Exchange, *Recorder) {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", a.path)}, Primary, "p", begin, a.options)
	r.Header(a.status, a.header, after(1))
	for _, p := range pieces {
		own := bytes.Clone(p)
		r.Write(own, after(2))
		clear(own)
		if look {
			r.Judge()
		}
	}
	return r.End(a.end, "", after(3)), r
}

func FuzzRecorder(f *testing.F) {
	for i, g := range goldens() {
		body := g.body(f)
		for j, path := range inferencePaths {
			if path != g.path {
				continue
			}
			kind := 0
			if g.file[len(g.file)-1] == 'n' {
				kind = 1
			}
			base := uint32(j + kind*len(inferencePaths))
			step := uint32(len(inferencePaths) * len(fuzzContentTypes))
			f.Add(base+uint32(i%7)*step, uint64(i), body)
			f.Add(base+uint32(i)*step*7, uint64(i), body)
		}
	}
	f.Fuzz(func(t *testing.T, choice uint32, seed uint64, body []byte) {
		if len(body) > 64<<10 {
			return
		}
		a := newFuzzAnswer(t, choice, body)
		whole, _ := a.play([][]byte{a.encoded}, false)
		checkBounds(t, &a, whole)
		rnd := rand.New(rand.NewPCG(seed, 0))
		for _, look := range []bool{false, true} {
			cut, r := a.play(cutUp(rnd, a.encoded), look)
			if r.sse.carry != nil || r.sse.joined != nil || r.body != nil || r.encoded != nil {
				t.Fatal("buffers are held after the end")
			}
			if !reflect.DeepEqual(cut, whole) {
				t.Fatalf("%+v\nin pieces\n%+v, want\n%+v", a, cut, whole)
			}
		}
	})
}

func checkBounds(t *testing.T, a *fuzzResponse, x *Exchange) {
	t.Helper()
	c := &x.Completion
	for _, s := range []string{c.ID, c.Model, c.FinishReason} {
		if len(s) > shortLimit {
			t.Fatalf("%q is longer than %d bytes", s, shortLimit)
		}
	}
	for _, s := range []string{c.ErrorType, c.ErrorCode} {
		if len(s) > identifierLimit || identifier([]byte(mustJSON(s))) != s {
			t.Fatalf("%q is no identifier", s)
		}
	}
	if len(c.Text) > textLimit || len(c.Refusal) > textLimit || len(c.ToolCalls) > toolCallLimit || c.TextBytes < len(c.Text) ||
		c.TextBytes > len(a.body)*3 {
		t.Fatalf("out of bounds: %d bytes of text of %d, %d calls", len(c.Text), c.TextBytes, len(c.ToolCalls))
	}
	if !a.options.KeepText && (c.Text != "" || c.Refusal != "" || c.ToolCalls != nil || c.Embedding != nil || c.Categories != nil) {
		t.Fatalf("kept without being asked: %+v", *c)
	}
	if len(x.Body) > max(a.options.CaptureLimit, 0) || x.Bytes != int64(len(a.encoded)) {
		t.Fatalf("%d bytes captured, %d counted", len(x.Body), x.Bytes)
	}
	u := x.Usage
	for _, n := range []int{u.InputTokens, u.OutputTokens, u.CachedTokens, u.Reasoning, c.Choices, c.Vectors, x.Events, x.Gaps.N} {
		if n < 0 || n > 3*maxCount {
			t.Fatalf("a count of %d", n)
		}
	}
	if x.Class == ClassNone && x.Status >= 400 || x.Total <= 0 || x.TTFT < 0 {
		t.Fatalf("class %q of %d, total %v, TTFT %v", x.Class, x.Status, x.Total, x.TTFT)
	}
	if utf8.Valid(a.body) && !utf8.ValidString(c.Text) {
		t.Fatalf("%q is not UTF-8", c.Text)
	}
	if _, err := json.Marshal(x); err != nil {
		t.Fatal(err)
	}
}
