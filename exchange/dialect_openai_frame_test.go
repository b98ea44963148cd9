package exchange

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// readChunks reads chunks one by one, with the frame or without.
func readChunks(chunks []string, framed bool) (*response, []bool) {
	r := &response{x: &Exchange{}, spec: OpenAIChat.Spec(), keepText: true, streamed: true}
	var output []bool
	for _, c := range chunks {
		r.hasOutput = false
		if framed {
			r.readChatChunk([]byte(c))
		} else {
			r.readChat([]byte(c))
		}
		output = append(output, r.hasOutput)
	}
	r.writeCompletion()
	return r, output
}

// TestFramesChangeNothing: what is read of any sequence of chunks is the same
// whether or not their frame is used.
func TestFramesChangeNothing(t *testing.T) {
	t.Parallel()
	words := rapid.SampledFrom([]string{"", "a", "two words", `\n`, `\"`, `é\u00e9`, "\xff", `"`, "\x01", `\ud800`, `","x":"`,
		`"},"finish_reason":"stop","y":{"z":"`})
	chunk := rapid.Custom(func(t *rapid.T) string {
		w := words.Draw(t, "words")
		id := rapid.SampledFrom([]string{"c1", "c1", "c1", "c2"}).Draw(t, "id")
		finish := rapid.SampledFrom([]string{"null", "null", "null", `"stop"`}).Draw(t, "finish")
		more := rapid.SampledFrom([]string{"", "", "", `,"obfuscation":"abc"`, `,"obfuscation":"d"`, `,"obfuscation":""`,
			`,"obfuscation":"\"`, "," + `"obfuscation":"` + "\xff" + `"`, `,"obfuscation":"a","obfuscation":"b"`,
			`,"obfuscation":"a","error":{"type":"x"}`, `,"obfuscation":"b","other":{"type":"x"}`,
			`,"usage":{"prompt_tokens":3,"completion_tokens":4}`, `,"error":{"type":"x"}`}).Draw(t, "more")
		delta := rapid.SampledFrom([]string{`"content":"%s"`, `"content":"%s"`, `"content":"%s","reasoning":"r"`,
			`"role":"assistant","content":"%s"`, `"content":"%s","content":"again"`, `"refusal":"%s"`,
			`"tool_calls":[{"index":0,"function":{"name":"f","arguments":"%s"}}]`}).Draw(t, "delta")
		index := rapid.SampledFrom([]string{"0", "0", "0", "1"}).Draw(t, "index")
		return `{"id":"` + id + `","object":"chat.completion.chunk","model":"m","choices":[{"index":` + index + `,"delta":{` +
			strings.Replace(delta, "%s", w, 1) + `},"finish_reason":` + finish + `}]` + more + `}`
	})
	rapid.Check(t, func(t *rapid.T) {
		chunks := rapid.SliceOfN(chunk, 1, 12).Draw(t, "chunks")
		// Repeats make frames likely.
		if rapid.Bool().Draw(t, "twice") {
			chunks = append(chunks, chunks...)
		}
		with, said := readChunks(chunks, true)
		without, want := readChunks(chunks, false)
		if !reflect.DeepEqual(with.x, without.x) || !reflect.DeepEqual(said, want) {
			t.Fatalf("chunks %q\nwith    %+v %v\nwithout %+v %v", chunks, *with.x, said, *without.x, want)
		}
	})
}

// TestFramesAreUsed keeps the test above from passing for want of frames.
func TestFramesAreUsed(t *testing.T) {
	t.Parallel()
	for name, padding := range map[string]func(i int) string{
		"plain":  func(int) string { return "" },
		"padded": func(i int) string { return `,"obfuscation":"` + strings.Repeat("x", 7-i) + `"` },
	} {
		r := &response{x: &Exchange{}, spec: OpenAIChat.Spec(), keepText: true, streamed: true}
		for i := range 5 {
			chunk := fmt.Sprintf(`{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"w%d"},"finish_reason":null}]%s}`, i, padding(i))
			if _, _, fits := r.frame.text([]byte(chunk)); fits != (i > 0) {
				t.Errorf("%s: chunk %d fits the frame: %v", name, i, fits)
			}
			r.readChatChunk([]byte(chunk))
		}
		if r.writeCompletion(); r.frame.tries != 1 || r.x.Completion.Text != "w0w1w2w3w4" {
			t.Errorf("%s: %d tries, text %q", name, r.frame.tries, r.x.Completion.Text)
		}
	}
}
