package mock

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Unlike encoding/json it leaves <, >
// and & unescaped, as the providers do; bytes that are not UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		b = append(b, s[from:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		from = i
	}
	return append(append(b, s[from:]...), '"')
}

// obj is a JSON object whose key order does not matter.
type obj = map[string]any

// encode writes v as compact JSON without HTML escapes. v is always made of
// this package's own types, which can be encoded.
func encode(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return []byte(`{"error":{"message":"mock: the response could not be encoded"}}`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// ordered is a JSON object with a fixed key order, for responses that people read:
// alternating names and values.
type ordered []any

// MarshalJSON writes the object.
func (o ordered) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i := 0; i+1 < len(o); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		name, _ := o[i].(string)
		b = append(appendString(b, name), ':')
		switch v := o[i+1].(type) {
		case string:
			b = appendString(b, v)
		case json.RawMessage:
			b = append(b, v...)
		default:
			b = append(b, encode(v)...)
		}
	}
	return append(b, '}'), nil
}

func validJSON(s string) bool { return json.Valid([]byte(s)) }

// raw is JSON that is already text.
func raw(s string) json.RawMessage { return json.RawMessage(s) }
