package exchange

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What waits to be read later is at most 16 pieces and 4 KiB in all: with
// thousands of open streams that is what they hold between their events.
func TestBacklogIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		pieces []int // bytes
		taken  int   // pieces
	}{
		{"seventeen small pieces", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, 16},
		{"exactly 4 KiB", []int{2048, 2048}, 2},
		{"a byte more than 4 KiB", []int{2048, 2049}, 1},
		{"one piece of 4 KiB", []int{4096}, 1},
		{"one piece of a byte more", []int{4097}, 0},
		{"a small one behind what did not fit", []int{4000, 97, 96}, 2},
	} {
		var l backlog
		taken, want := 0, []string{}
		for i, n := range c.pieces {
			p := strings.Repeat(string(rune('a'+i)), n)
			if l.add([]byte(p), time.Duration(i)) {
				taken++
				want = append(want, p)
			}
		}
		var got []string
		l.drain(func(p []byte, _ time.Duration) { got = append(got, string(p)) })
		if taken != c.taken || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %d pieces are taken, want %d; they come back whole: %v", c.name, taken, c.taken, fmt.Sprint(got) == fmt.Sprint(want))
		}
	}
}

// A buffer that grew beyond 256 KiB is not kept for others.
func TestHugeBuffersAreNotKept(t *testing.T) {
	for range 50 {
		b := newBuffer()
		b.b = append(b.b, make([]byte, pooledLimit+1)...)
		b.free()
		if got := newBuffer(); cap(got.b) > 256<<10 {
			t.Fatalf("a buffer of %d bytes is handed out again", cap(got.b))
		}
	}
}

// 64 ids are kept of what a response leaves at its provider, each once.
func TestIDsLeftAtAProviderAreBounded(t *testing.T) {
	t.Parallel()
	var blocks []string
	for i := range 200 {
		blocks = append(blocks, fmt.Sprintf(`{"type":"thinking","thinking":"","signature":"sealed%d"}`, i/2))
	}
	body := `{"id":"msg_1","type":"message","role":"assistant","content":[` + strings.Join(blocks, ",") + `],"stop_reason":"end_turn"}`
	at := time.Now()
	r := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/messages")}, Relay, "relay", at, RecorderOptions{KeepText: true})
	r.Header(200, http.Header{"Content-Type": {"application/json"}}, at)
	r.Write([]byte(body), at)
	x := r.End(ClassNone, "", at)
	if n := len(x.Completion.Bound); n != 64 {
		t.Errorf("%d ids are kept, want 64: %q", n, x.Completion.Bound)
	}
}
