package mock

import (
	"unicode"
	"unicode/utf8"
)

// The tokenizer is an approximation: a word of up to eight letters with the space before
// it is one token, longer words are split, digits are grouped by three, punctuation by
// runs. English has about four characters per token, as with real tokenizers. What
// matters is that the count is stable and that streams have pieces of a plausible size.

const (
	wordPiece   = 8 // letters of a Latin word in one token
	cutPiece    = 5 // letters per piece of a longer word
	otherPiece  = 3 // letters of other alphabets in one token
	digitPiece  = 3
	maxSameMark = 4 // repeated punctuation marks in one token
)

// countTokens is the number of tokens in s.
func countTokens(s string) int {
	n := 0
	for len(s) > 0 {
		s = s[tokenLen(s):]
		n++
	}
	return n
}

// splitTokens splits s into its tokens; joined they are s again. Runes are never
// split.
func splitTokens(s string) []string {
	pieces := make([]string, 0, len(s)/4+1)
	for len(s) > 0 {
		n := tokenLen(s)
		pieces = append(pieces, s[:n])
		s = s[n:]
	}
	return pieces
}

// tokenLen is the length in bytes of the token at the start of s, which must
// not be empty.
func tokenLen(s string) int {
	lead := 0
	if s[0] == ' ' && len(s) > 1 && s[1] != ' ' {
		lead = 1
	}
	r, size := utf8.DecodeRuneInString(s[lead:])
	switch {
	case r == '\n' || r == ' ' || r == '\t':
		return lead + runLen(s[lead:], r, 16)
	case isLatin(r):
		return lead + latinLen(s[lead:])
	case r >= '0' && r <= '9':
		return lead + matchLen(s[lead:], digitPiece, func(r rune) bool { return r >= '0' && r <= '9' })
	case wide(r):
		return lead + size
	case unicode.IsLetter(r) || unicode.IsMark(r):
		return lead + matchLen(s[lead:], otherPiece, func(r rune) bool {
			return (unicode.IsLetter(r) || unicode.IsMark(r)) && !isLatin(r) && !wide(r)
		})
	}
	return lead + runLen(s[lead:], r, maxSameMark)
}

func isLatin(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= 0xC0 && r <= 0x24F && r != 0xD7 && r != 0xF7
}

// wide scripts have about one token per character.
func wide(r rune) bool {
	return r >= 0x2E80 && r <= 0x9FFF || r >= 0xAC00 && r <= 0xD7AF || r >= 0x1F000 && r <= 0x1FAFF
}

// latinLen is the length of the next piece of a Latin word.
func latinLen(s string) int {
	whole := matchLen(s, wordPiece+1, isLatin)
	if utf8.RuneCountInString(s[:whole]) <= wordPiece {
		return whole
	}
	return matchLen(s, cutPiece, isLatin)
}

// matchLen is the length in bytes of at most limit leading runes that match.
func matchLen(s string, limit int, match func(rune) bool) int {
	n := 0
	for i, r := range s {
		if n == limit || !match(r) {
			return i
		}
		n++
	}
	return len(s)
}

// runLen is the length of a run of the same rune, at most limit of them and
// at least one.
func runLen(s string, r rune, limit int) int {
	n := matchLen(s, limit, func(x rune) bool { return x == r })
	if n == 0 { // an invalid byte, decoded as the replacement rune
		_, n = utf8.DecodeRuneInString(s)
	}
	return n
}
