package exchange

import (
	"encoding/binary"
	"encoding/hex"
	"net/http"

	"github.com/cespare/xxhash/v2"
)

// TargetingKey finds the key by which a caller is bucketed, and where it was
// found: the header X-Cutover-Key ("header"); the body's safety_identifier,
// user, metadata.user_id, prompt_cache_key (each named so); else a hash of the
// conversation's beginning ("conversation"); else requestID ("request").
//
// The conversation's beginning is the system prompt and the first message of
// the user, by their text alone: a cache mark that wanders from turn to turn,
// or a string that becomes a list of one text part, changes nothing.
func TargetingKey(ep *Endpoint, h http.Header, body []byte, requestID string) (key, from string) {
	if given := givenKey(h); given != "" {
		return given, "header"
	}
	in := newInspection(ep, body, true)
	defer in.free()
	in.read()
	return in.caller.key(requestID)
}

func givenKey(h http.Header) string {
	if v := h["X-Cutover-Key"]; len(v) > 0 {
		return shortKey([]byte(v[0]), v[0])
	}
	return ""
}

// keyLimit is the longest targeting key, in bytes; longer ones are hashed, as
// the key is hashed again for every flag.
const keyLimit = 256

func shortKey(raw []byte, s string) string {
	if len(raw) > keyLimit {
		return hashKey(xxhash.Sum64(raw))
	}
	if s == "" {
		return string(raw)
	}
	return s
}

func hashKey(sum uint64) string {
	var n [8]byte
	var text [16]byte
	binary.BigEndian.PutUint64(n[:], sum)
	hex.Encode(text[:], n[:])
	return string(text[:])
}

// identity gathers what a body says about who sent it.
type identity struct {
	safety, user, metadata, cache jsonString // views into the body
	conversation                  jsonString // id of a conversation that the provider keeps
	system, first                 digest     // of the conversation's beginning
	lead                          []byte     // content of the first message of anybody
	leadOdd                       bool
}

// readMember consumes the value of a member that names the caller.
func (w *identity) readMember(s *scanner, key []byte) bool {
	switch string(key) {
	case "safety_identifier":
		w.safety = s.str()
	case "user":
		w.user = s.str()
	case "prompt_cache_key":
		w.cache = s.str()
	case "metadata":
		w.metadata = jsonString{}
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) == "user_id" {
				w.metadata = s.str()
			} else {
				s.skip()
			}
		}
	default:
		return false
	}
	return true
}

// addMessage adds one message of a conversation, in order.
func (w *identity) addMessage(role, content []byte, odd bool) {
	if w.first.used || len(content) == 0 {
		return
	}
	switch string(role) {
	case "system", "developer":
		w.system.addContent(content, odd)
	case "user":
		w.first.addContent(content, odd)
	default:
		if w.lead == nil {
			w.lead, w.leadOdd = content, odd
		}
	}
}

// endMessages ends a list of messages: one without a message of the user is
// identified by its first message.
func (w *identity) endMessages() {
	if !w.first.used {
		w.first.addContent(w.lead, w.leadOdd)
	}
}

// key picks the best of what was found.
func (w *identity) key(requestID string) (key, from string) {
	switch {
	case len(w.safety.raw) > 0:
		return w.safety.key(), "safety_identifier"
	case len(w.user.raw) > 0:
		return w.user.key(), "user"
	case len(w.metadata.raw) > 0:
		return w.metadata.key(), "metadata.user_id"
	case len(w.cache.raw) > 0:
		return w.cache.key(), "prompt_cache_key"
	case len(w.conversation.raw) > 0:
		return w.conversation.key(), "conversation"
	case w.first.used:
		var sums [16]byte
		if w.system.used {
			binary.BigEndian.PutUint64(sums[:], w.system.sum())
		}
		binary.BigEndian.PutUint64(sums[8:], w.first.sum())
		return hashKey(xxhash.Sum64(sums[:])), "conversation"
	}
	return requestID, "request"
}

func (v jsonString) key() string {
	raw := v.raw
	if v.escaped {
		raw = appendUnescaped(nil, raw)
	}
	return shortKey(raw, "")
}

// digest hashes the text of messages.
type digest struct {
	h    xxhash.Digest
	used bool
}

func (d *digest) sum() uint64 { return d.h.Sum64() }

// addContent hashes the content of one message, or a system prompt: a string, or
// a list of parts. A part that is no text counts with all that it holds but
// its cache mark. The value is known to be valid; odd is the scanner's.
func (d *digest) addContent(value []byte, odd bool) {
	if len(value) == 0 {
		return
	}
	switch value[0] {
	case '"':
		d.addText(value[1:len(value)-1], odd)
	case '[':
		s := scanner{b: value}
		for more := s.array(); more; more = s.nextItem() {
			switch s.peek() {
			case '"':
				d.addText(s.str().raw, odd)
			case '{':
				d.addPart(s.span(), odd)
			default:
				s.skip()
			}
		}
	}
}

func (d *digest) addPart(value []byte, odd bool) {
	s := scanner{b: value}
	var text jsonString
	var from, to int // of the cache mark
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "text":
			text = s.str()
		case "cache_control":
			from = s.i
			s.skip()
			to = s.i
		default:
			s.skip()
		}
	}
	if len(text.raw) > 0 {
		d.addText(text.raw, odd)
		return
	}
	d.write(value[:from])
	d.write(value[to:])
}

// addText hashes a string as it is written. Clients write the same string in the
// same way, but for the letters that can be escaped and need not be.
func (d *digest) addText(raw []byte, odd bool) {
	if len(raw) == 0 {
		return
	}
	if !odd {
		d.write(raw)
		return
	}
	buf := newBuffer()
	buf.b = appendPlainest(buf.b, raw)
	d.write(buf.b)
	buf.free()
}

func (d *digest) write(p []byte) {
	if !d.used {
		d.used = true
		d.h.Reset()
	}
	_, _ = d.h.Write(p) // never fails
}
