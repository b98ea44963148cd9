package mock

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed lexicon.txt
var lexiconText string

// lexicon is the vocabulary and grammar of the replies, parsed from lexicon.txt once
// per server.
type lexicon struct {
	sections map[string][]phrase
	fields   []field
	hints    map[string]int // words of prompts, to the index of their field
}

// field is what one reply is about.
type field struct {
	name  string
	nouns []noun
}

// phrase is one entry: literal text, slots and alternatives in order.
type phrase []segment

// segment is one piece of a phrase; exactly one of its fields is set.
type segment struct {
	text    string
	slot    string
	choices []phrase
}

// noun is one thing of a field.
type noun struct{ one, many string }

// programSlots are filled by the program instead of from a section.
func programSlots() []string {
	return []string{"topic", "topic2", "thing", "things", "num", "num2", "n", "percent", "year"}
}

// readLexicon parses the format that lexicon.txt explains at its top.
func readLexicon(text string) (*lexicon, error) {
	l := &lexicon{sections: make(map[string][]phrase), hints: make(map[string]int)}
	section := ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[' && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
		case strings.HasPrefix(section, "field."):
			one, many, ok := strings.Cut(line, "/")
			if !ok {
				return nil, fmt.Errorf("lexicon line %d: want singular/plural, got %q", i+1, line)
			}
			i := l.field(strings.TrimPrefix(section, "field."))
			l.fields[i].nouns = append(l.fields[i].nouns, noun{one, many})
		case strings.HasPrefix(section, "hint."):
			l.hints[line] = l.field(strings.TrimPrefix(section, "hint."))
		default:
			p, rest := parsePhrase(line, "")
			if rest != "" {
				return nil, fmt.Errorf("lexicon line %d: unbalanced braces before %q", i+1, rest)
			}
			l.sections[section] = append(l.sections[section], p)
		}
	}
	return l, l.check()
}

// field finds or adds the field of this name.
func (l *lexicon) field(name string) int {
	i := slices.IndexFunc(l.fields, func(f field) bool { return f.name == name })
	if i < 0 {
		i, l.fields = len(l.fields), append(l.fields, field{name: name})
	}
	return i
}

// fieldOf finds the field of which a topic's words are a hint, -1 when none is.
func (l *lexicon) fieldOf(topics []string) int {
	for _, t := range topics {
		for _, word := range strings.Fields(strings.ToLower(t)) {
			for _, form := range []string{word, strings.TrimSuffix(word, "s"), strings.TrimSuffix(word, "es")} {
				if i, ok := l.hints[form]; ok {
					return i
				}
			}
		}
	}
	return -1
}

// parsePhrase parses up to one of the ends (which is left in rest).
func parsePhrase(s, ends string) (p phrase, rest string) {
	for s != "" && !strings.ContainsRune(ends, rune(s[0])) {
		switch s[0] {
		case '<':
			slot, after, _ := strings.Cut(s[1:], ">")
			p, s = append(p, segment{slot: slot}), after
		case '{':
			var choices []phrase
			s = s[1:]
			for {
				choice, after := parsePhrase(s, "|}")
				choices = append(choices, choice)
				if after == "" {
					return p, "{"
				}
				s = after[1:]
				if after[0] == '}' {
					break
				}
			}
			p = append(p, segment{choices: choices})
		default:
			n := strings.IndexAny(s[1:], "<{"+ends) + 1
			if n == 0 {
				n = len(s)
			}
			p, s = append(p, segment{text: s[:n]}), s[n:]
		}
	}
	return p, s
}

// check reports slots that nothing fills, and sections that are missing.
func (l *lexicon) check() error {
	var walk func(p phrase) error
	walk = func(p phrase) error {
		for _, s := range p {
			if s.slot != "" && len(l.sections[s.slot]) == 0 && !slices.Contains(programSlots(), s.slot) {
				return fmt.Errorf("lexicon: nothing fills <%s>", s.slot)
			}
			for _, choice := range s.choices {
				if err := walk(choice); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, phrases := range l.sections {
		for _, p := range phrases {
			if err := walk(p); err != nil {
				return err
			}
		}
	}
	for _, f := range l.fields {
		if len(f.nouns) == 0 {
			return fmt.Errorf("lexicon: the field %s has hints but no nouns", f.name)
		}
	}
	return nil
}
