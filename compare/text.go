package compare

// equalText reports whether two texts are the same but for white space: runs
// of it count as one, at the ends it counts as none.
func equalText(a, b string) bool {
	if a == b {
		return true
	}
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

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// skipSpace returns the index of the first byte at or after i that is no space.
func skipSpace(s string, i int) int {
	for i < len(s) && isSpace(s[i]) {
		i++
	}
	return i
}
