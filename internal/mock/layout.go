package mock

import (
	"fmt"
	"strings"
	"unicode"
)

// list writes an introduction, items and a last sentence.
func (w *writer) list(base *dice) string {
	w.n = base.between(3, 6)
	seed := base.next()
	var b strings.Builder
	intro := throw(seed, 0)
	b.WriteString(w.sentence(&intro, "listintro"))
	b.WriteString("\n\n")
	heads := make(map[string]bool)
	for i := range w.n {
		d := throw(seed, uint64(i+1))
		if i > 2 && w.deviates(noiseDrop) {
			break
		}
		if w.deviates(noiseReplace) {
			d = throw(w.draw.next())
		}
		if w.style.numbered {
			fmt.Fprintf(&b, "%d. ", i+1)
		} else {
			b.WriteString("- ")
		}
		head := capital(pick(&d, w.field).many)
		for heads[head] {
			head = capital(pick(&d, w.field).many)
		}
		heads[head] = true
		if w.style.bold {
			head = "**" + head + "**"
		}
		b.WriteString(head + ": " + w.sentence(&d, "item") + "\n")
	}
	if base.chance(w.style.closes) {
		d := throw(seed, 99)
		b.WriteString("\n" + w.sentence(&d, "closing"))
	}
	return strings.TrimRight(b.String(), "\n")
}

// code writes an introduction, a block of code and notes.
func (w *writer) code(base *dice) string {
	d := throw(base.next())
	var b strings.Builder
	b.WriteString(w.sentence(&d, "codeintro"))
	b.WriteString("\n\n")
	b.WriteString(w.block(base))
	b.WriteString("\n\n")
	notes := []string{"codenote", "codenote"}
	if base.chance(w.style.closes) {
		notes = append(notes, "closing")
	}
	b.WriteString(strings.Join(w.lines(base, notes), " "))
	return b.String()
}

// block writes a block of code that looks as if it belonged to the topic.
func (w *writer) block(base *dice) string {
	thing, things := identifier(pick(base, w.field).one), identifier(pick(base, w.field).many)
	name := identifier(w.topics[0])
	limit := base.between(2, 64)
	if w.deviates(noiseReplace) {
		limit = w.draw.between(2, 64)
	}
	asked := strings.ToLower(w.q.prompt)
	switch {
	case strings.Contains(asked, "sql"):
		return fmt.Sprintf(
			"```sql\nSELECT %[1]s, COUNT(*) AS n\nFROM %[2]s\nWHERE created_at >= NOW() - INTERVAL '%[3]d days'\nGROUP BY %[1]s\nORDER BY n "+
				"DESC\nLIMIT %[4]d;\n```",
			thing,
			things,
			limit,
			limit*2,
		)
	case containsAny(asked, "golang", " go ", "in go"):
		return fmt.Sprintf(
			"```go\n// %[1]s returns the %[2]s that fit the limit.\nfunc %[1]s(%[2]s []string) []string {\n\tkept := make([]string, 0, "+
				"%[3]d)\n\tfor _, %[4]s := range %[2]s {\n\t\tif len(kept) == %[3]d {\n\t\t\tbreak\n\t\t}\n\t\tif %[4]s != \"\" {\n\t\t\tkept = "+
				"append(kept, %[4]s)\n\t\t}\n\t}\n\treturn kept\n}\n```",
			name,
			things,
			limit,
			thing+"Name",
		)
	case containsAny(asked, "javascript", "typescript", "node"):
		return fmt.Sprintf(
			"```javascript\nexport function %[1]s(%[2]s, limit = %[3]d) {\n  const seen = new Map();\n  for (const item of %[2]s) {\n    "+
				"seen.set(item.%[4]s, (seen.get(item.%[4]s) ?? 0) + 1);\n  }\n  return [...seen].filter(([, n]) => n < limit);\n}\n```",
			name,
			things,
			limit,
			thing,
		)
	}
	return fmt.Sprintf(
		"```python\ndef %[1]s(%[2]s, limit=%[3]d):\n    \"\"\"Group the %[2]s by %[4]s.\"\"\"\n    groups = {}\n    for item in %[2]s:\n    "+
			"    groups.setdefault(item[\"%[4]s\"], []).append(item)\n    return {key: items for key, items in groups.items() if len(items) <= "+
			"limit}\n```",
		name,
		things,
		limit,
		thing,
	)
}

// identifier makes a name for code out of words.
func identifier(words string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-':
			return '_'
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return unicode.ToLower(r)
		}
		return -1
	}, words)
	name = strings.Trim(name, "_")
	if name == "" || unicode.IsDigit(rune(name[0])) {
		return "f" + name
	}
	return name
}
