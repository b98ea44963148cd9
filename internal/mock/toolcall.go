package mock

import "strings"

// Rates of what tools are called with.
const (
	usualToolCalls = 0.7
	parallelCalls  = 0.15
	noiseInCalling = 0.1 // of the noise: a tool call where the other run replied with text, or the reverse
)

// callsTools decides whether the reply calls tools.
func (m *composer) callsTools(d *dice) bool {
	switch {
	case len(m.q.tools) == 0 || m.q.choice.mode == noChoice:
		return false
	case m.q.choice.mode == anyChoice:
		return true
	case m.q.toolResults: // with the results, the reply is text
		return false
	}
	rate := usualToolCalls
	if m.ToolCalls != nil {
		rate = *m.ToolCalls
	}
	calls := d.chance(rate)
	if rate > 0 && rate < 1 && m.deviates(noiseInCalling) {
		return !calls
	}
	return calls
}

// callTools calls one tool or, sometimes, several.
func (m *composer) callTools(base *dice) []toolCall {
	offered := m.q.offered()
	n := 1
	if m.q.parallel && base.chance(parallelCalls) {
		n = base.between(2, 3)
	}
	w := m.writer(base)
	calls := make([]toolCall, n)
	for i := range calls {
		t := m.suited(offered, base)
		in := instance{writer: w, root: t.schema, fuel: schemaFuel}
		if m.draw != nil && m.draw.chance(m.BreakToolArguments) {
			in.broke = &breakage{kind: breakKind(m.draw.n(3))}
		}
		args := string(in.arguments(t, throw(base.next())))
		calls[i] = toolCall{name: t.name, args: args, pieces: splitTokens(args)}
	}
	return calls
}

// suited is a tool whose name shares a word with the prompt, or any tool.
func (m *composer) suited(offered []tool, d *dice) tool {
	asked := strings.ToLower(m.q.prompt)
	start := d.n(len(offered))
	for i := range offered {
		t := offered[(start+i)%len(offered)]
		for _, word := range strings.FieldsFunc(strings.ToLower(t.name), func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
			if len(word) > 3 && strings.Contains(asked, word) {
				return t
			}
		}
	}
	return offered[start]
}

// arguments writes the arguments of a call, broken if configured.
func (in *instance) arguments(t tool, d dice) []byte {
	args := []byte("{}")
	if t.schema.IsObject() {
		args = in.value(nil, t.schema, t.name, d, 0)
	}
	if len(args) == 0 || args[0] != '{' { // the schema is of another type, but arguments are always an object
		args = []byte("{}")
	}
	if in.broke != nil && !in.broke.done {
		args = spoilJSON(args, in.draw)
	}
	return args
}

// spoilJSON turns JSON into text that no parser accepts.
func spoilJSON(b []byte, d *dice) []byte {
	if d.chance(0.5) || len(b) < 4 {
		return b[:len(b)-1]
	}
	if single := strings.ReplaceAll(string(b), `"`, `'`); single != string(b) {
		return []byte(single)
	}
	return append(b, `,}`...)
}

// formatted writes a reply that must be JSON.
func (m *composer) formatted(base *dice) string {
	w := m.writer(base)
	in := instance{writer: w, root: m.q.format.schema, fuel: schemaFuel}
	if m.draw != nil && m.draw.chance(m.BreakJSON) {
		in.broke = &breakage{kind: breakKind(m.draw.n(3))}
	}
	var b []byte
	if m.q.format.schema.IsObject() {
		b = in.value(nil, m.q.format.schema, "answer", throw(base.next()), 0)
	} else {
		b = in.anyObject(base)
	}
	if in.broke != nil && !in.broke.done {
		b = spoilJSON(b, m.draw)
	}
	return string(b)
}

// anyObject writes an object for a request without a schema.
func (in *instance) anyObject(base *dice) []byte {
	items := ordered{"title", capital(in.topics[0]), "summary", in.sentence(base, "definition")}
	points := make([]any, base.between(1, 4))
	for i := range points {
		d := throw(base.next())
		if in.deviates(noiseReplace) {
			d = throw(in.draw.next())
		}
		points[i] = in.sentence(&d, "item")
	}
	return encode(append(items, "points", points, "confidence", float64(base.between(50, 99))/100))
}
