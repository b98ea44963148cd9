package exchange

// ValidJSON reports whether text is exactly one JSON value, nested no deeper than
// 512. It needs no stack: text from outside may be megabytes of brackets, on
// which a recursive check ends the process.
func ValidJSON(text []byte) bool {
	s := scanner{b: text}
	s.skip()
	return s.whole()
}
