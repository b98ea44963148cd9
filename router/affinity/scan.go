package affinity

import "bytes"

// nextString finds the next JSON string at or after i: what is between its
// quotes, and where it ends. An id has nothing to unescape.
func nextString(b []byte, i int) (text []byte, end int, ok bool) {
	if i >= len(b) {
		return nil, 0, false
	}
	from := bytes.IndexByte(b[i:], '"')
	if from < 0 {
		return nil, 0, false
	}
	from += i + 1
	for i = from; ; i++ {
		k := bytes.IndexByte(b[i:], '"')
		if k < 0 {
			return nil, 0, false
		}
		i += k
		slashes := 0
		for j := i - 1; j >= from && b[j] == '\\'; j-- {
			slashes++
		}
		if slashes%2 == 0 {
			return b[from:i], i + 1, true
		}
	}
}

// skipBlanks returns the index of the first byte at or after i that is not
// white space.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}
