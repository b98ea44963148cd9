package mock

import "strings"

// speak writes an answer in prose.
func (m *composer) speak(base dice) string {
	words := strings.Fields("the model answers about this topic in several plain words that change with every prompt")
	var b strings.Builder
	for s := range 4 {
		if s > 0 {
			b.WriteByte(' ')
		}
		for i := range 9 {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(pick(&base, words))
		}
		b.WriteByte('.')
	}
	return b.String()
}

func (m *composer) refuse(base *dice) string { return "I'm sorry, but I can't help with that." }
