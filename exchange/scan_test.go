package exchange

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

var scanSeeds = []string{
	`{}`, `[]`, `null`, `""`, `0`, `-0.5e+10`, `01`, `1.`, `.5`, `+1`, `1e`, `tru`, `nul`, `truex`,
	`{"a":1}`, `{"a":1,}`, `{"a"}`, `{a:1}`, `{"a":1 "b":2}`, `[1,]`, `[1 2]`, `[,1]`, `{"a":[{"b":[]}]}`, `{]`, `[}`, `{"a":1]`,
	`"\u00e9\ud83d\ude00\ud83d\n"`, `"\u00g0"`, `"\x"`, `"\`, "\"\t\"", "\"\xff\"", "\"é\"", "\"12345678\x1f\"", `"1234567\""`,
	`"!!!!!!!! # "`,
	" \t\r\n{ \"a\" : [ 1 , 2 ] } \n", `{} {}`, `{}x`, "\xef\xbb\xbf{}", `{"k\u0065y":"v"}`, `[[[[[[1]]]]]]`, "",
	`{"long":"` + strings.Repeat("abcdefgh", 9) + `","n":123456789012345678901234567890}`,
}

// The scanner must judge like the standard library, in both ways of walking.
func FuzzScan(f *testing.F) {
	for _, s := range scanSeeds {
		f.Add([]byte(s))
	}
	f.Fuzz(checkScan)
}

func checkScan(t *testing.T, text []byte) {
	s := scanner{b: text}
	s.skip()
	// The library goes as deep as 10,000; text that deep is not compared.
	if deep := strings.Count(string(text), "[") + strings.Count(string(text), "{"); deep <= scanDepth {
		if got, want := s.whole(), json.Valid(text); got != want {
			t.Fatalf("%q: valid is %v, want %v", text, got, want)
		}
	}
	w := scanner{b: text}
	value := walk(&w, 0)
	if w.whole() != s.whole() {
		t.Fatalf("%q: valid is %v when walked, %v when skipped", text, w.whole(), s.whole())
	}
	if !s.whole() {
		return
	}
	if s.notUTF8 == utf8.Valid(text) {
		t.Fatalf("%q: notUTF8 is %v", text, s.notUTF8)
	}
	if s.notUTF8 {
		return // the library puts U+FFFD, we keep what came
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var want any
	if err := d.Decode(&want); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if got, want := mustJSON(value), mustJSON(want); got != want {
		t.Fatalf("%q: read as %s, want %s", text, got, want)
	}
}

// walk decodes a value by the scanner's own steps.
func walk(s *scanner, depth int) any {
	switch c := s.peek(); {
	case depth > scanDepth-2:
		s.skip()
		return nil
	case c == '{':
		m := map[string]any{}
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			k := string(key)
			m[k] = walk(s, depth+1)
		}
		return m
	case c == '[':
		l := []any{}
		for more := s.array(); more; more = s.nextItem() {
			l = append(l, walk(s, depth+1))
		}
		return l
	case c == '"':
		v := s.str()
		text := v.String()
		if len(text) != v.size() || string(v.appendTo(nil)) != text || string(v.plain()) != text {
			panic("a string has several meanings")
		}
		return text
	case c == 't' || c == 'f':
		return s.truth()
	case c == 'n':
		s.skip()
		return nil
	}
	return json.Number(s.span())
}

func TestScan(t *testing.T) {
	for _, s := range scanSeeds {
		checkScan(t, []byte(s))
	}
}

// Hostile nesting must neither exhaust the stack nor count as valid.
func TestScanIsNotDeep(t *testing.T) {
	for _, open := range []string{"[", `{"a":`, `[{"a":`} {
		s := scanner{b: []byte(strings.Repeat(open, 1<<20))}
		s.skip()
		if !s.bad {
			t.Errorf("1 Mi times %s is accepted", open)
		}
	}
	deepest := strings.Repeat("[", scanDepth) + strings.Repeat("]", scanDepth)
	s := scanner{b: []byte(deepest)}
	if s.skip(); !s.whole() {
		t.Errorf("%d levels are refused", scanDepth)
	}
}

func TestScanCounts(t *testing.T) {
	for text, want := range map[string]int{
		"0": 0, "7": 7, "12.9": 12, "-3": 0, `"5"`: 0, "null": 0, "true": 0, "1e3": 1, "[1]": 0,
		"99999999999999999999999": maxCount, "1099511627776": maxCount,
	} {
		s := scanner{b: []byte(text)}
		if got := s.count(); got != want || !s.whole() {
			t.Errorf("count of %s = %d (valid %v), want %d", text, got, s.whole(), want)
		}
	}
}

func TestScanSet(t *testing.T) {
	for text, want := range map[string]bool{
		"null": false, "false": false, `""`: false, "[]": false, "{ }": false, "[ ]": false, "": false,
		"true": true, `"x"`: true, "0": true, "[0]": true, `{"a":null}`: true,
	} {
		s := scanner{b: []byte(text)}
		if got := s.set(); got != want {
			t.Errorf("set of %s = %v, want %v", text, got, want)
		}
	}
}

// Two ways to write a string come out the same, two strings never.
func FuzzPlainest(f *testing.F) {
	f.Add("a\"\\\x00\x1f\n\t\b\f\r/é😀", byte(3))
	f.Fuzz(func(t *testing.T, text string, mode byte) {
		text = strings.ToValidUTF8(text, "\ufffd")
		raw := []byte(mustJSON(text))
		raw = raw[1 : len(raw)-1]
		var odd []byte
		for i, r := range text {
			if r < 1<<16 && (int(mode)+i)%3 != 0 {
				odd = append(odd, `\u`...)
				const hex = "0123456789ABCDEF"
				odd = append(odd, hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
				continue
			}
			one := mustJSON(string(r))
			odd = append(odd, one[1:len(one)-1]...)
		}
		a, b := appendPlainest(nil, raw), appendPlainest(nil, odd)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q comes out as %q and %q", text, a, b)
		}
		if again := appendPlainest(nil, a); !bytes.Equal(a, again) {
			t.Fatalf("%q is not plainest: %q", a, again)
		}
		if got := string(appendUnescaped(nil, a)); got != text {
			t.Fatalf("%q comes out as %q, which means %q", text, a, got)
		}
	})
}
