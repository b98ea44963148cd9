package exchange

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// scanDepth is how deep nested JSON may be. Deeper text counts as broken: no
// provider's schema comes near, and a limit keeps hostile text harmless.
const scanDepth = 512

// scanner walks one JSON text from left to right, validating as it goes and
// copying nothing. Every method consumes exactly one value (or one step of a
// container) and does nothing after the first error, so a loop over it always
// ends. Objects are walked like this, and each value must be consumed:
//
//	for key, ok := s.object(); ok; key, ok = s.nextKey() {
//		switch string(key) {
//		case "model":
//			model = s.text(256)
//		default:
//			s.skip()
//		}
//	}
type scanner struct {
	b       []byte
	i       int
	bad     bool // the text is not JSON
	notUTF8 bool // a string holds bytes that are not UTF-8
	odd     bool // a string holds an escape for what can be written otherwise: \u or \/
}

func (s *scanner) fail() {
	s.bad = true
	s.i = len(s.b)
}

// peek skips blanks and returns the byte that begins the next token; 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	return s.peekBlank()
}

func (s *scanner) peekBlank() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// whole reports whether the text was one valid value and nothing else.
func (s *scanner) whole() bool {
	s.peek()
	return !s.bad && s.i == len(s.b)
}

// object enters an object and returns its first key. A value of another type
// is skipped, and ok is false.
func (s *scanner) object() (key []byte, ok bool) {
	if s.peek() != '{' {
		s.skip()
		return nil, false
	}
	s.i++
	if s.peek() == '}' {
		s.i++
		return nil, false
	}
	return s.key()
}

// nextKey goes on to the next key of the object, or leaves it.
func (s *scanner) nextKey() (key []byte, ok bool) {
	switch s.peek() {
	case ',':
		s.i++
		return s.key()
	case '}':
		s.i++
		return nil, false
	}
	s.fail()
	return nil, false
}

func (s *scanner) key() ([]byte, bool) {
	if s.peek() != '"' {
		s.fail()
		return nil, false
	}
	raw, escaped := s.rawString()
	if s.peek() != ':' {
		s.fail()
		return nil, false
	}
	s.i++
	if escaped {
		raw = appendUnescaped(nil, raw)
	}
	return raw, true
}

// array enters an array and reports whether it has a first element. A value of
// another type is skipped, and the result is false.
func (s *scanner) array() bool {
	if s.peek() != '[' {
		s.skip()
		return false
	}
	s.i++
	if s.peek() == ']' {
		s.i++
		return false
	}
	return !s.bad
}

// nextItem goes on to the next element of the array, or leaves it.
func (s *scanner) nextItem() bool {
	switch s.peek() {
	case ',':
		s.i++
		return true
	case ']':
		s.i++
		return false
	}
	s.fail()
	return false
}

// skip consumes one value of any type.
func (s *scanner) skip() {
	switch s.peek() {
	case '{', '[':
		s.skipNested()
	default:
		s.scalar()
	}
}

// span consumes one value and returns its text.
func (s *scanner) span() []byte {
	s.peek()
	from := s.i
	s.skip()
	if s.bad {
		return nil
	}
	return s.b[from:s.i]
}

func (s *scanner) scalar() {
	switch s.peek() {
	case '"':
		s.rawString()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

func (s *scanner) literal(word string) bool {
	if len(s.b)-s.i < len(word) || string(s.b[s.i:s.i+len(word)]) != word {
		s.fail()
		return false
	}
	s.i += len(word)
	return true
}

// skipNested consumes an object or array without recursion: one bit a level
// says which of the two it is.
func (s *scanner) skipNested() {
	var inObject [scanDepth / 64]uint64
	depth := 0
	for !s.bad {
		c := s.peek()
		if c == '{' || c == '[' {
			if depth == scanDepth {
				s.fail()
				return
			}
			s.i++
			word, bit := depth/64, uint64(1)<<(depth%64)
			depth++
			if c == '{' {
				inObject[word] |= bit
				if s.peek() != '}' {
					s.key()
					continue
				}
			} else {
				inObject[word] &^= bit
				if s.peek() != ']' {
					continue
				}
			}
			s.i++ // the empty container's end
			depth--
		} else {
			s.scalar()
		}
		for depth > 0 && !s.bad {
			object := inObject[(depth-1)/64]>>((depth-1)%64)&1 == 1
			c := s.peek()
			if c == ',' {
				s.i++
				if object {
					s.key()
				}
				break
			}
			if object && c == '}' || !object && c == ']' {
				s.i++
				depth--
				continue
			}
			s.fail()
		}
		if depth == 0 {
			return
		}
	}
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// rawString consumes the string that begins at the current byte, a quote, and
// returns what is between its quotes, still escaped.
func (s *scanner) rawString() (raw []byte, escaped bool) {
	b := s.b
	from := s.i + 1
	i := from
	var high uint64
	for i < len(b) {
		// Eight bytes at a time, up to the first quote, backslash or control
		// character. Turning bit 1 makes a quote the least byte above the
		// control characters. The borrow of a subtraction may mark bytes
		// above the first true mark, never below it.
		for i <= len(b)-8 {
			w := binary.LittleEndian.Uint64(b[i : i+8])
			high |= w
			mark := (((w ^ ones*0x02) - ones*0x21) | ((w ^ ones*'\\') - ones)) &^ w & highs
			if mark != 0 {
				i += bits.TrailingZeros64(mark) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			break
		}
		switch c := b[i]; {
		case c == '"':
			s.i = i + 1
			raw = b[from:i]
			if high&highs != 0 && !utf8.Valid(raw) {
				s.notUTF8 = true
			}
			return raw, escaped
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				s.fail()
				return nil, false
			}
			escaped = true
			s.odd = s.odd || b[i+1] == 'u' || b[i+1] == '/'
			i += n
		case c < 0x20:
			s.fail()
			return nil, false
		default:
			high |= uint64(c)
			i++
		}
	}
	s.fail()
	return nil, false
}

// number consumes a number and returns its text.
func (s *scanner) number() []byte {
	from := s.i
	i := s.i
	b := s.b
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	case i < len(b) && b[i] >= '1' && b[i] <= '9':
		i = digits(b, i)
	default:
		s.fail()
		return nil
	}
	if i < len(b) && b[i] == '.' {
		if j := digits(b, i+1); j > i+1 {
			i = j
		} else {
			s.fail()
			return nil
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if j := digits(b, i); j > i {
			i = j
		} else {
			s.fail()
			return nil
		}
	}
	s.i = i
	return b[from:i]
}

func digits(b []byte, i int) int {
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	return i
}

// maxCount bounds the numbers of a response, so that sums can't overflow.
const maxCount = 1 << 40

// count consumes one value and returns it as a count: a fraction is cut off,
// and what is negative or no number at all is 0.
func (s *scanner) count() int {
	c := s.peek()
	if c < '0' || c > '9' {
		s.skip()
		return 0
	}
	n := 0
	for _, d := range s.number() {
		if d < '0' || d > '9' {
			break
		}
		n = min(n*10+int(d-'0'), maxCount)
	}
	return n
}

// truth consumes one value and reports whether it is true.
func (s *scanner) truth() bool {
	if s.peek() == 't' {
		return s.literal("true")
	}
	s.skip()
	return false
}

// set consumes one value and reports whether it says anything: null, false,
// "" and an empty array or object do not.
func (s *scanner) set() bool {
	switch v := s.span(); {
	case len(v) == 0:
		return false
	case v[0] == '"':
		return len(v) > 2
	case v[0] == '{' || v[0] == '[':
		inner := scanner{b: v, i: 1}
		c := inner.peek()
		return c != '}' && c != ']'
	default:
		return v[0] != 'n' && v[0] != 'f'
	}
}

// str consumes one value and returns it if it is a string; else an empty one.
func (s *scanner) str() jsonString {
	if s.peek() != '"' {
		s.skip()
		return jsonString{}
	}
	raw, escaped := s.rawString()
	return jsonString{raw, escaped}
}

// text consumes one value and returns a copy of it if it is a string of at
// most limit bytes; else "".
func (s *scanner) text(limit int) string {
	v := s.str()
	if len(v.raw) == 0 || len(v.raw) > limit {
		return ""
	}
	return v.String()
}
