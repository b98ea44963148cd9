package exchange

import "bytes"

// frame is what the chunks of one streamed chat have in common: all of a chunk
// but its words. Most chunks of a stream differ in nothing else, and need not be
// read anew. A frame is learned from a chunk only where reading that chunk with
// other words in it shows that nothing but the words would change.
type frame struct {
	before, after []byte // up to the words' opening quote, and from the closing one on
	tries         int    // chunks that were looked at in vain
}

// frameTries bounds how often a stream whose chunks never fit is looked at.
const frameTries = 3

var wordsKey = []byte(`"content":"`)

// words returns the words of a chunk that fits the frame.
func (f *frame) words(data []byte) (v jsonString, notUTF8, ok bool) {
	if len(f.before) == 0 || !bytes.HasPrefix(data, f.before) || !bytes.HasSuffix(data, f.after) {
		return v, false, false
	}
	s := scanner{b: data, i: len(f.before) - 1}
	v = s.str()
	if s.bad || len(data)-s.i != len(f.after)-1 {
		return v, false, false
	}
	return v, s.notUTF8, true
}

// learn looks for the frame of a chunk that has been read.
func (f *frame) learn(a *answer, data []byte) {
	f.tries++
	at := bytes.LastIndex(data, wordsKey)
	if at < 0 {
		return
	}
	s := scanner{b: data, i: at + len(wordsKey) - 1}
	s.str()
	if s.bad {
		return
	}
	before, after := data[:at+len(wordsKey)], data[s.i-1:]
	probe := answer{x: &Exchange{}, dialect: a.dialect, keep: true, streamed: true}
	probe.chat(append(append(append(make([]byte, 0, len(before)+len(after)+1), before...), 'x'), after...))
	x, c := probe.x, &probe.x.Completion
	known := &a.x.Completion
	if string(probe.text) != "x" || probe.failed || len(x.Faults) > 0 || x.Usage.Known || c.FinishReason != "" ||
		len(probe.calls) > 0 || len(probe.refusal) > 0 || c.Choices != 1 || probe.hollow ||
		c.ID != known.ID || c.Model != known.Model {
		return
	}
	// Probed without words, nothing may be said: no reasoning, no audio.
	silent := answer{x: &Exchange{}, dialect: a.dialect, streamed: true}
	silent.chat(append(append(make([]byte, 0, len(before)+len(after)), before...), after...))
	if silent.output || len(silent.x.Faults) > 0 {
		return
	}
	f.before, f.after = bytes.Clone(before), bytes.Clone(after)
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
