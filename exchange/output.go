package exchange

import "bytes"

// structural reports whether a member of a delta or block only says what a piece of
// output is and where it goes. Anything else in it is output, whatever its name:
// servers have many names for thoughts, and new blocks come every few months.
func structural(key []byte) bool {
	switch string(key) {
	case "role", "id", "index", "type", "object", "model", "status", "format", "phase", "created", "created_at",
		"call_id", "item_id", "tool_call_id", "tool_use_id", "message_id", "response_id", "sequence_number", "obfuscation":
		return true
	}
	return bytes.HasSuffix(key, []byte("_index"))
}

// material consumes one value and reports whether it holds anything but structure:
// a string that is not empty, or a number in a list. A number or a truth value by
// itself is an attribute of something.
func (s *scanner) material() bool {
	if s.peek() == '"' {
		return len(s.str().raw) > 0
	}
	inner := scanner{b: s.span()} // valid, so that no order of tokens needs to be checked
	named := true                 // the next value has a name of its own
	for {
		switch c := inner.peek(); c {
		case 0:
			return false
		case '"':
			raw, _ := inner.rawString()
			if inner.peek() != ':' {
				if len(raw) > 0 {
					return true
				}
				continue
			}
			inner.i++
			if structural(raw) {
				inner.skip()
			}
			named = true
			continue
		case '{', '[', '}', ']', ',', ':':
			inner.i++
		case 't', 'f', 'n':
			inner.scalar()
		default:
			if !named {
				return true
			}
			inner.number()
		}
		named = false
	}
}

// noteMaterial consumes the value of a member of a delta or block, and notes it as
// output of the model if it holds any.
func (r *response) noteMaterial(s *scanner, key []byte) {
	if structural(key) {
		s.skip()
	} else if s.material() {
		r.hasOutput = true
	}
}

// saysError consumes the value of an "error" member and reports whether it says that
// there was an error: in words, by a number that is not one of a success, or by
// being true. Some servers send one without words in every response.
func (s *scanner) saysError() bool {
	inner := scanner{b: s.span()}
	if inner.peek() == 't' {
		return true
	}
	for {
		switch c := inner.peek(); c {
		case 0:
			return false
		case '"':
			raw, _ := inner.rawString()
			if inner.peek() == ':' {
				inner.i++
			} else if len(raw) > 0 {
				return true
			}
		case '{', '[', '}', ']', ',':
			inner.i++
		case 't', 'f', 'n':
			inner.scalar()
		default:
			if n := inner.number(); len(bytes.Trim(n, "-0.")) > 0 && (len(n) != 3 || n[0] != '2') {
				return true
			}
		}
	}
}
