package compare

import (
	"unicode"
	"unicode/utf8"
)

// eachWord calls f with the hash of every word of text, in order and without
// regard to case. A word is a run of letters, digits and marks; a character of a
// script that is written without spaces (Chinese, Japanese, Thai, ...) is a
// word by itself. Invalid UTF-8 separates words. The text should be composed.
func eachWord(text string, f func(hash uint64)) {
	h, in := uint64(fnvOffset), false
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			i++
			if lower := asciiWord[c]; lower != 0 {
				h, in = (h^uint64(lower))*fnvPrime, true
				continue
			}
			if in {
				f(mix(h))
				h, in = fnvOffset, false
			}
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		word, alone := classify(r, size)
		if in && (!word || alone) {
			f(mix(h))
			h, in = fnvOffset, false
		}
		switch {
		case alone:
			f(mix((fnvOffset ^ uint64(r)) * fnvPrime))
		case word:
			h, in = (h^uint64(unicode.ToLower(r)))*fnvPrime, true
		}
	}
	if in {
		f(mix(h))
	}
}

const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

// mix spreads a hash's entropy to all its bits, the low ones included.
func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15
	return h ^ h>>29
}

// asciiWord maps the ASCII letters and digits to their lower case, and
// everything else to 0.
var asciiWord = func() (t [utf8.RuneSelf]byte) {
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	for c := byte('a'); c <= 'z'; c++ {
		t[c], t[c-'a'+'A'] = c, c
	}
	return t
}()

// classify says whether a character above ASCII belongs to a word, and whether
// it is one by itself. size is its length in UTF-8; 1 marks an invalid byte.
func classify(r rune, size int) (word, alone bool) {
	if r == utf8.RuneError && size == 1 {
		return false, false
	}
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
		return false, false
	}
	return true, spaceless(r)
}

// spaceless reports whether the character's script is written without spaces
// between words.
func spaceless(r rune) bool {
	if r < 0x0E00 {
		return false
	}
	switch {
	case r <= 0x0EFF: // Thai, Lao
		return true
	case r >= 0x1000 && r <= 0x109F: // Myanmar
		return true
	case r >= 0x1780 && r <= 0x17FF: // Khmer
		return true
	case r >= 0x3040 && r <= 0x30FF: // kana
		return true
	}
	return r >= 0x3400 && unicode.Is(unicode.Han, r)
}
