package exchange

import "bytes"

// frame is what the chunks of one streamed chat have in common: all of a chunk
// but its words, and the padding by which OpenAI hides how long those are. Most
// chunks of a stream differ in nothing else, and need not be read anew. A frame
// is learned from a chunk only where reading that chunk with other words and
// padding in it shows that nothing but the words would change.
type frame struct {
	before []byte // up to the words' opening quote
	after  []byte // from the closing one on; with padding: up to its opening quote
	end    []byte // from the padding's closing quote on; nil: there is none
	tries  int    // chunks that were looked at in vain
}

// frameTries bounds how often a stream whose chunks never fit is looked at.
const frameTries = 3

var (
	wordsKey   = []byte(`"content":"`)
	paddingKey = []byte(`"obfuscation":"`)
)

// words returns the words of a chunk that fits the frame.
func (f *frame) words(data []byte) (v jsonString, notUTF8, ok bool) {
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

// learn looks for the frame of a chunk that has been read.
func (f *frame) learn(a *answer, data []byte) {
	f.tries++
	next, ok := frameOf(data)
	if !ok {
		return
	}
	probe := answer{x: &Exchange{}, dialect: a.dialect, keep: true, streamed: true}
	probe.chat(next.with("x"))
	x, c := probe.x, &probe.x.Completion
	known := &a.x.Completion
	if string(probe.text) != "x" || probe.failed || len(x.Faults) > 0 || x.Usage.Known || c.FinishReason != "" ||
		len(probe.calls) > 0 || len(probe.refusal) > 0 || c.Choices != 1 || probe.hollow ||
		c.ID != known.ID || c.Model != known.Model {
		return
	}
	// Probed without words, nothing may be said: no reasoning, no audio.
	silent := answer{x: &Exchange{}, dialect: a.dialect, streamed: true}
	silent.chat(next.with(""))
	if silent.output || len(silent.x.Faults) > 0 {
		return
	}
	f.before, f.after, f.end = bytes.Clone(next.before), bytes.Clone(next.after), bytes.Clone(next.end)
}

// frameOf cuts a chunk into what may be its frame.
func frameOf(data []byte) (f frame, ok bool) {
	at := bytes.LastIndex(data, wordsKey)
	if at < 0 {
		return f, false
	}
	at += len(wordsKey)
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

// with is a chunk of the frame, with other words and other padding.
func (f *frame) with(words string) []byte {
	out := append(append(bytes.Clone(f.before), words...), f.after...)
	if f.end != nil {
		out = append(append(out, "padding"...), f.end...)
	}
	return out
}

// chatChunk reads a chunk of a streamed chat, by its frame where it fits.
func (a *answer) chatChunk(data []byte) {
	if v, notUTF8, ok := a.frame.words(data); ok {
		a.hollow = false
		a.addText(v)
		if notUTF8 {
			a.fault("utf8")
		}
		return
	}
	a.chat(data)
	if a.output && a.frame.tries < frameTries {
		a.frame.learn(a, data)
	}
}
