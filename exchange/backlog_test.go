package exchange

import (
	"fmt"
	"testing"
	"time"
)

// TestReadingLaterChangesNothing: pieces of a stream that has spoken are read
// several in a row, each as of the moment when it came, and whoever asks is
// told as of now.
func TestReadingLaterChangesNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, backlogPieces - 1, backlogPieces, backlogPieces + 1, 5 * backlogPieces} {
		r := eventRecorder("/v1/chat/completions", true)
		at := r.x.Started
		for i := range n {
			at = at.Add(time.Duration(i+1) * time.Millisecond)
			r.Write([]byte(chatChunk), at)
		}
		if got := r.ContentEvents(); got != n {
			t.Errorf("%d pieces: spoken %d", n, got)
		}
		r.Write([]byte(chatChunk[:40]), at) // waits behind the others
		r.Write([]byte(chatChunk[40:]), at.Add(time.Second))
		r.Write([]byte("data: {\"error\":{\"message\":\"no\",\"type\":\"server_error\"}}\n\n"), at.Add(time.Second))
		if content, failed := begun(r); !content || !failed {
			t.Errorf("%d pieces: content %v, failed %v after an error event", n, content, failed)
		}
		x := r.End(ClassNone, "", at.Add(time.Second))
		if x.TTFT != time.Millisecond || x.Events != n+2 || x.Gaps.N != n || x.Gaps.Max != time.Second || x.Class != ClassErrorEvent {
			t.Errorf("%d pieces: first token after %s, %d events, gaps %+v, class %q", n, x.TTFT, x.Events, x.Gaps, x.Class)
		}
		if want := len(" token") * (n + 1); x.Completion.TextBytes != want {
			t.Errorf("%d pieces: %d bytes of text, want %d", n, x.Completion.TextBytes, want)
		}
	}
}

// TestLargePiecesDoNotWait: they are read in their turn, whatever their size.
func TestLargePiecesDoNotWait(t *testing.T) {
	t.Parallel()
	r := eventRecorder("/v1/chat/completions", true)
	at := r.x.Started
	want := 0
	for i := range 40 {
		text := fmt.Sprintf("%0*d", 1+(i%5)*1500, i)
		want += len(text)
		at = at.Add(time.Millisecond)
		r.Write([]byte(`data: {"choices":[{"delta":{"content":"`+text+`"}}]}`+"\n\n"), at)
	}
	if x := r.End(ClassAborted, "", at); x.Completion.TextBytes != want || x.Gaps.N != 39 || x.Gaps.Max != time.Millisecond {
		t.Errorf("%d bytes of text, want %d; gaps %+v", x.Completion.TextBytes, want, x.Gaps)
	}
}
