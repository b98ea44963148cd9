package exchange

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

var codings = []string{"gzip", "deflate", "bare deflate", "br", "zstd"}

// contentEncoding is what a server says of a coding.
func contentEncoding(coding string) string { return strings.TrimPrefix(coding, "bare ") }

// An encoded response must be read like a plain one, its times included: each
// event has the time of the piece that completed it.
func TestEncodedAnswers(t *testing.T) {
	for _, g := range goldens() {
		plain := g.pieces(g.body(t))
		want := record(&g, g.header(), RecorderOptions{KeepText: true, CaptureLimit: 1 << 20}, plain...)
		for _, coding := range codings {
			h := g.header()
			h.Set("Content-Encoding", strings.ToUpper(contentEncoding(coding)))
			pieces := encodePieces(t, coding, plain...)
			got := record(&g, h, RecorderOptions{KeepText: true, CaptureLimit: 1 << 20}, pieces...)
			if n := int64(len(bytes.Join(pieces, nil))); got.Bytes != n || got.Encoding != h.Get("Content-Encoding") {
				t.Errorf("%s, %s: %d bytes with encoding %q, want %d", g.file, coding, got.Bytes, got.Encoding, n)
			}
			got.Bytes, got.Encoding = want.Bytes, ""
			got.Total = want.Total // one piece more: the end of the encoding
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s, %s: got\n%+v, want\n%+v", g.file, coding, got, want)
			}
		}
	}
}

// However the encoded bytes are cut, the same is read, if not at the same time.
func TestEncodedAnswersInAnyPieces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, g := range goldens() {
		want := record(&g, g.header(), RecorderOptions{KeepText: true}, g.body(t))
		for _, coding := range codings {
			h := g.header()
			h.Set("Content-Encoding", contentEncoding(coding))
			got := record(&g, h, RecorderOptions{KeepText: true}, cutUp(rnd, encode(t, coding, g.body(t)))...)
			if !reflect.DeepEqual(got.Completion, want.Completion) || got.Usage != want.Usage || got.Class != want.Class ||
				got.Events != want.Events {
				t.Errorf("%s, %s: got\n%+v, want\n%+v", g.file, coding, got, want)
			}
		}
	}
}

func TestEncodedTwice(t *testing.T) {
	body := encode(t, "br", encode(t, "gzip", []byte(oneChat)))
	for header, want := range map[string]Class{"gzip, br": ClassNone, "gzip, identity, br": ClassNone, "br, gzip": ClassMalformed,
		"br": ClassMalformed} {
		if x := playEncoded(header, "application/json", body); x.Class != want {
			t.Errorf("%q: class %q, faults %q; want %q", header, x.Class, x.Faults, want)
		}
	}
}

func playEncoded(encoding, contentType string, pieces ...[]byte) *Exchange {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{KeepText: true})
	r.Header(200, http.Header{"Content-Type": {contentType}, "Content-Encoding": {encoding}}, after(1))
	for i, p := range pieces {
		r.Write(p, after(2+i))
	}
	return r.End(ClassNone, "", after(100))
}

func TestBrokenEncodings(t *testing.T) {
	whole := encode(t, "gzip", []byte(oneChat))
	spoilt := bytes.Clone(whole)
	spoilt[len(spoilt)-5] ^= 1 // the checksum
	var wide bytes.Buffer
	w, err := zstd.NewWriter(&wide, zstd.WithWindowSize(2*windowLimit), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = w.Write(bytes.Repeat([]byte(" "), 1<<20))
	}
	_, _ = w.Write([]byte(oneChat))
	_ = w.Close()
	for _, c := range []struct {
		what, encoding string
		body           []byte
		class          Class
		faults         []string
	}{
		{"cut", "gzip", whole[:len(whole)-9], ClassMalformed, []string{"encoding"}},
		{"spoilt", "gzip", spoilt, ClassMalformed, []string{"encoding"}},
		{"not encoded at all", "gzip", []byte(oneChat), ClassMalformed, []string{"encoding"}},
		{"one byte", "deflate", []byte{0x78}, ClassMalformed, []string{"encoding"}},
		{"nothing", "gzip", nil, ClassEmpty, []string{"empty"}},
		{"by its old name", "X-GZIP", whole, ClassNone, nil},
		{"a window that no web client need have", "zstd", wide.Bytes(), ClassNone, []string{"too_large"}},
		{"unknown", "compress", whole, ClassNone, []string{"encoding_unknown"}},
		{"too many", "gzip,gzip,gzip,gzip", whole, ClassNone, []string{"encoding_unknown"}},
	} {
		if x := playEncoded(c.encoding, "application/json", c.body); x.Class != c.class || !slices.Equal(x.Faults, c.faults) {
			t.Errorf("%s: class %q, faults %q; want %q, %q", c.what, x.Class, x.Faults, c.class, c.faults)
		}
	}
}

// What was decoded before the transport broke is kept, and no fault is seen in
// the encoding's missing end.
func TestEncodedAndBroken(t *testing.T) {
	for _, coding := range codings {
		pieces := encodePieces(t, coding, []byte(oneChunk), []byte(oneChunk), []byte(lastWord))
		r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{KeepText: true})
		r.Header(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {contentEncoding(coding)}}, after(1))
		r.Write(pieces[0], after(2))
		r.Write(pieces[1], after(3))
		x := r.End(ClassBroken, "eof", after(4))
		if x.Class != ClassBroken || x.Completion.Text != "HiHi" || len(x.Faults) > 0 || x.TTFT != 2*time.Millisecond {
			t.Errorf("%s: class %q, text %q, faults %q, TTFT %v", coding, x.Class, x.Completion.Text, x.Faults, x.TTFT)
		}
	}
}

// A few kilobytes that unfold to gigabytes must be left where they are.
func TestDecompressionBomb(t *testing.T) {
	big := bytes.Repeat([]byte(" "), 8<<20)
	for _, coding := range codings {
		pieces := encodePieces(t, coding, big, big, big, []byte(oneChunk))
		for _, contentType := range []string{"application/json", "text/event-stream"} {
			x := playEncoded(contentEncoding(coding), contentType, pieces...)
			if x.Class != ClassNone || !slices.Contains(x.Faults, "too_large") {
				t.Errorf("%s, %s: class %q, faults %q", coding, contentType, x.Class, x.Faults)
			}
		}
	}
}

// A fallback must see content and errors of an encoded stream as they come.
func TestContentOfEncodedStream(t *testing.T) {
	const role = `data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}` + "\n\n"
	for _, coding := range codings {
		for _, c := range []struct {
			second         string
			content, fails bool
		}{{oneChunk, true, false}, {`data: {"error":{"type":"x"}}` + "\n\n", false, true}, {": ping\n\n", false, false}} {
			r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{})
			r.Header(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {contentEncoding(coding)}}, after(1))
			pieces := encodePieces(t, coding, []byte(role), []byte(c.second), []byte(lastWord))
			r.Write(pieces[0], after(2))
			if content, fails := begun(r); content || fails {
				t.Errorf("%s: content %v, error %v after the role alone", coding, content, fails)
			}
			r.Write(pieces[1], after(3))
			for range 2 {
				if content, fails := begun(r); content != c.content || fails != c.fails {
					t.Errorf("%s: content %v, error %v after %q", coding, content, fails, c.second)
				}
			}
			r.Write(pieces[2], after(4))
			if x := r.End(ClassNone, "", after(5)); c.content && (x.TTFT != 3*time.Millisecond || x.Events != 3) {
				t.Errorf("%s: TTFT %v, %d events: looking on has changed them", coding, x.TTFT, x.Events)
			}
		}
	}
}

// Who waits for content in an encoded stream does not wait forever.
func TestContentOfEncodedStreamIsGivenUp(t *testing.T) {
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Primary, "p", begin, RecorderOptions{})
	r.Header(200, http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"gzip"}}, after(1))
	comment := []byte(": " + strings.Repeat("wait ", 20_000) + "\n\n")
	looks := 0
	for _, p := range encodePieces(t, "gzip", slices.Repeat([][]byte{comment}, 40)...) {
		r.Write(p, after(2))
		if content, _ := begun(r); content {
			break
		}
		looks++
	}
	if looks < 2 || looks > 10 {
		t.Errorf("%d looks in vain, want a few", looks)
	}
	if content, _ := begun(r); !content {
		t.Error("still waiting")
	}
}
