package compare

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// equalComposed reports whether two composed texts are the same to a reader: runs of white
// space of any kind count as one space, at the ends as none, and a letter with
// its accent in one code point is the same as in two (Unicode's canonical
// equivalence, NFC). Case, quotation marks and compatible characters (a
// ligature, a full-width letter, a superscript) are differences: "x²" is not
// "x2".
func equalComposed(a, b string) bool { return a == b || equalSpaced(plainSpace(a), plainSpace(b)) }

// composed returns the text in NFC. Nearly every text is already, and all of
// ASCII.
func composed(s string) string {
	if isASCII(s) || norm.NFC.IsNormalString(s) {
		return s
	}
	return norm.NFC.String(s)
}

// plainSpace writes a blank for every white space beyond ASCII: no-break and
// narrow ones, the ideographic one.
func plainSpace(s string) string {
	at := strings.IndexFunc(s, isWideSpace)
	if at < 0 {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for at >= 0 {
		_, size := utf8.DecodeRuneInString(s[at:])
		_, _ = out.WriteString(s[:at])
		_ = out.WriteByte(' ')
		s = s[at+size:]
		at = strings.IndexFunc(s, isWideSpace)
	}
	_, _ = out.WriteString(s)
	return out.String()
}

func isWideSpace(r rune) bool { return r >= utf8.RuneSelf && unicode.IsSpace(r) }

// equalSpaced is equalComposed for texts that need no more than their ASCII white
// space judged.
func equalSpaced(a, b string) bool {
	i, j := skipSpace(a, 0), skipSpace(b, 0)
	for i < len(a) && j < len(b) {
		if isSpace(a[i]) || isSpace(b[j]) {
			ni, nj := skipSpace(a, i), skipSpace(b, j)
			if (ni == i) != (nj == j) && ni < len(a) && nj < len(b) {
				return false
			}
			i, j = ni, nj
			continue
		}
		if a[i] != b[j] {
			return false
		}
		i++
		j++
	}
	return skipSpace(a, i) == len(a) && skipSpace(b, j) == len(b)
}

func isSpace(c byte) bool { return c >= '\t' && c <= '\r' || c == ' ' }

// skipSpace returns the index of the first byte at or after i that is no space.
func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}
