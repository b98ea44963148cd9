package exchange

import "strings"

// eventOrder watches the order of a stream's events. What it does not know it
// lets pass: protocols grow.
type eventOrder struct {
	started  bool   // message_start was seen
	begun    bool   // some event was
	open     uint64 // content blocks under construction, by index
	sequence int    // last sequence number, and one
}

// message checks an event of an Anthropic message: message_start, then blocks
// that are each opened, continued and closed, then message_delta and
// message_stop.
func (o *eventOrder) message(kind string, index int) (ok bool) {
	bit := uint64(1) << (uint(index) & 63)
	ok = true
	switch kind {
	case "message_start":
		ok = !o.started && !o.begun
		o.started = true
	case "content_block_start":
		ok = o.open&bit == 0
		o.open |= bit
	case "content_block_delta":
		ok = o.open&bit != 0
	case "content_block_stop":
		ok = o.open&bit != 0
		o.open &^= bit
	case "message_delta", "message_stop":
		ok = o.open == 0
	default:
		return true
	}
	o.begun = true
	return ok || !o.started // without a beginning there is no order to keep
}

// response checks an event of an OpenAI response: response.created comes first,
// and sequence numbers, where there are any, rise.
func (o *eventOrder) response(kind string, sequence int, numbered bool) (ok bool) {
	ok = kind != "response.created" || !o.begun
	if strings.HasPrefix(kind, "response.") {
		o.begun = true
	}
	if numbered {
		ok = ok && sequence >= o.sequence
		o.sequence = sequence + 1
	}
	return ok
}
