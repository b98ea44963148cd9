package exchange

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonString is the inside of a JSON string as it stands in the text: a view,
// not a copy, valid as long as the text is.
type jsonString struct {
	raw     []byte
	escaped bool
}

// String returns a copy of the string's value.
func (v jsonString) String() string {
	if v.escaped {
		return string(appendUnescaped(nil, v.raw))
	}
	return string(v.raw)
}

// plain returns the string's value: a view of the text where that suffices.
func (v jsonString) plain() []byte {
	if v.escaped {
		return appendUnescaped(nil, v.raw)
	}
	return v.raw
}

// appendTo appends the string's value to dst.
func (v jsonString) appendTo(dst []byte) []byte {
	if v.escaped {
		return appendUnescaped(dst, v.raw)
	}
	return append(dst, v.raw...)
}

// size is the length in bytes of the string's value.
func (v jsonString) size() int {
	if !v.escaped {
		return len(v.raw)
	}
	n := 0
	for raw := v.raw; len(raw) > 0; {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return n + len(raw)
		}
		r, used := decodeEscape(raw[i:])
		n += i + utf8.RuneLen(r)
		raw = raw[i+used:]
	}
	return n
}

// escapeLen returns the length of the escape sequence that b begins with; 0 if
// JSON has no such sequence.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		for _, c := range b[2:6] {
			if hexValue(c) < 0 {
				return 0
			}
		}
		return 6
	}
	return 0
}

func hexValue(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// decodeEscape decodes the escape sequence, known to be valid, that raw begins
// with. Half a surrogate pair becomes U+FFFD, as every JSON library has it.
func decodeEscape(raw []byte) (r rune, used int) {
	if c := simpleEscape(raw[1]); c != 0 {
		return rune(c), 2
	}
	r = hex4(raw[2:])
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if len(raw) >= 12 && raw[6] == '\\' && raw[7] == 'u' {
		if pair := utf16.DecodeRune(r, hex4(raw[8:])); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) rune {
	return hexValue(b[0])<<12 | hexValue(b[1])<<8 | hexValue(b[2])<<4 | hexValue(b[3])
}

// simpleEscape returns the character that a backslash and c stand for; 0 for u.
func simpleEscape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'u':
		return 0
	}
	return c // quote, backslash, slash
}

// appendPlainest appends raw, the inside of a valid JSON string, with nothing
// escaped but what must be, and that in the shortest way: strings of equal value
// come out equal.
func appendPlainest(dst, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		r, used := decodeEscape(raw[i:])
		raw = raw[i+used:]
		switch r {
		case '"', '\\':
			dst = append(dst, '\\', byte(r))
		case '\b', '\f', '\n', '\r', '\t':
			dst = append(dst, '\\', "btn fr"[r-'\b'])
		default:
			if r < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', '0'+byte(r>>4), "0123456789abcdef"[r&15])
			} else {
				dst = utf8.AppendRune(dst, r)
			}
		}
	}
	return dst
}

// appendUnescaped appends the value of raw, the inside of a valid JSON string.
func appendUnescaped(dst, raw []byte) []byte {
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return append(dst, raw...)
		}
		dst = append(dst, raw[:i]...)
		r, used := decodeEscape(raw[i:])
		dst = utf8.AppendRune(dst, r)
		raw = raw[i+used:]
	}
	return dst
}
