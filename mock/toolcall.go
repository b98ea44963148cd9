package mock

func (m *composer) callsTools(d *dice) bool { return m.q.choice.mode == anyChoice }

func (m *composer) callTools(base *dice) []toolCall {
	t := pick(base, m.q.offered())
	return []toolCall{{name: t.name, args: "{}", pieces: []string{"{", "}"}}}
}

func (m *composer) formatted(base *dice) string { return `{"answer":"yes"}` }
