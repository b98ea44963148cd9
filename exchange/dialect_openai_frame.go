package exchange

import "bytes"

// frame is what the chunks of one streamed chat have in common: all of a chunk
// but its text, and the padding by which OpenAI hides the length of the text.
// Most chunks of a stream differ in nothing else, and need not be parsed again.
// A frame is learned from a chunk only if parsing that chunk with other text and
// padding shows that nothing but the text would change.
type frame struct {
	before []byte // up to the text's opening quote
	after  []byte // from the text's closing quote on; with padding: up to its opening quote
	end    []byte // from the padding's closing quote on; nil: no padding
	tries  int    // chunks that were examined
}

// frameTries bounds how many chunks of a stream are examined for a frame.
const frameTries = 3

var (
	contentKey = []byte(`"content":"`)
	paddingKey = []byte(`"obfuscation":"`)
)

// text returns the text of a chunk that fits the frame.
func (f *frame) text(data []byte) (v jsonString, notUTF8, ok bool) {
	if len(f.before) == 0 || !bytes.HasPrefix(data, f.before) {
		return v, false, false
	}
	s := scanner{b: data, i: len(f.before) - 1}
	v = s.str()
	if s.bad || !bytes.HasPrefix(data[s.i-1:], f.after) {
		return v, false, false
	}
	if s.i += len(f.after) - 1; f.end != nil {
		s.i-- // back to the opening quote
		if s.str(); s.bad || !bytes.HasPrefix(data[s.i-1:], f.end) {
			return v, false, false
		}
		s.i += len(f.end) - 1
	}
	return v, s.notUTF8, s.i == len(data)
}

// learn finds the frame of a chunk that has been parsed.
func (f *frame) learn(r *response, data []byte) {
	f.tries++
	next, ok := frameOf(data)
	if !ok {
		return
	}
	probe := response{x: &Exchange{}, spec: r.spec, keepText: true, streamed: true}
	probe.readChat(next.with("x"))
	x, c := probe.x, &probe.x.Completion
	known := &r.x.Completion
	if string(probe.text) != "x" || probe.failed || len(x.Faults) > 0 || x.Usage.Known || c.FinishReason != "" ||
		len(probe.toolCalls) > 0 || len(probe.refusal) > 0 || c.Choices != 1 || probe.empty ||
		c.ID != known.ID || c.Model != known.Model {
		return
	}
	// Without text there must be no output at all: no reasoning, no audio.
	silent := response{x: &Exchange{}, spec: r.spec, streamed: true}
	silent.readChat(next.with(""))
	if silent.hasOutput || len(silent.x.Faults) > 0 {
		return
	}
	f.before, f.after, f.end = bytes.Clone(next.before), bytes.Clone(next.after), bytes.Clone(next.end)
}

// frameOf splits a chunk into what may be its frame.
func frameOf(data []byte) (f frame, ok bool) {
	at := bytes.LastIndex(data, contentKey)
	if at < 0 {
		return f, false
	}
	at += len(contentKey)
	s := scanner{b: data, i: at - 1}
	if s.str(); s.bad {
		return f, false
	}
	f.before, f.after = data[:at], data[s.i-1:]
	if at = bytes.Index(f.after, paddingKey); at >= 0 {
		at += len(paddingKey)
		s := scanner{b: f.after, i: at - 1}
		if s.str(); s.bad {
			return f, false
		}
		f.after, f.end = f.after[:at], f.after[s.i-1:]
	}
	return f, true
}

// with is a chunk of the frame, with other text and other padding.
func (f *frame) with(text string) []byte {
	out := append(append(bytes.Clone(f.before), text...), f.after...)
	if f.end != nil {
		out = append(append(out, "padding"...), f.end...)
	}
	return out
}

// readChatChunk reads a chunk of a streamed chat, by its frame where it fits.
func (r *response) readChatChunk(data []byte) {
	if v, notUTF8, ok := r.frame.text(data); ok {
		r.empty = false
		r.addText(v)
		if notUTF8 {
			r.addFault("utf8")
		}
		return
	}
	r.readChat(data)
	if r.hasOutput && r.frame.tries < frameTries {
		r.frame.learn(r, data)
	}
}
