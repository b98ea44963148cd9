package mock

import (
	"fmt"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// text writes a string that fits the schema and, as far as one can tell from
// its name, the property.
func (in *instance) text(schema gjson.Result, d *dice, name string) string {
	if p := schema.Get("pattern").Str; p != "" {
		if s, ok := matching(p, d); ok {
			return s
		}
	}
	s := formatText(schema.Get("format").Str, d)
	if s == "" {
		s = in.namedText(strings.ToLower(name), d)
	}
	if least := int(min(schema.Get("minLength").Num, 10_000)); utf8.RuneCountInString(s) < least {
		s += strings.Repeat("x", least-utf8.RuneCountInString(s))
	}
	if m := schema.Get("maxLength"); m.Exists() {
		if runes := []rune(s); len(runes) > int(max(m.Num, 0)) {
			s = strings.TrimRight(string(runes[:int(max(m.Num, 0))]), " ")
			if least := int(schema.Get("minLength").Num); len([]rune(s)) < least {
				s += strings.Repeat("x", least-len([]rune(s)))
			}
		}
	}
	return s
}

// formatText is a text of one of JSON schema's formats; "" for others.
func formatText(format string, d *dice) string {
	date := func() string {
		return fmt.Sprintf("20%02d-%02d-%02d", d.between(20, 29), d.between(1, 12), d.between(1, 28))
	}
	clock := func() string { return fmt.Sprintf("%02d:%02d:00Z", d.between(0, 23), d.between(0, 59)) }
	switch format {
	case "date":
		return date()
	case "date-time":
		return date() + "T" + clock()
	case "time":
		return clock()
	case "duration":
		return fmt.Sprintf("PT%dM", d.between(1, 90))
	case "email", "idn-email":
		return pick(d, []string{"ada", "grace", "alan", "edsger", "barbara"}) + itoa(d.between(1, 99)) + "@example.com"
	case "uri", "url", "uri-reference", "iri":
		return "https://example.com/" + newID(d.next(), 0)[:8]
	case "uuid":
		a, b := d.next(), d.next()
		return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", uint32(a), uint16(a>>32), uint16(a>>48)&0xfff, uint16(b)&0xfff, b>>16)
	case "ipv4":
		return fmt.Sprintf("192.0.2.%d", d.between(1, 254))
	case "ipv6":
		return fmt.Sprintf("2001:db8::%x", d.between(1, 65535))
	case "hostname", "idn-hostname":
		return "host-" + itoa(d.between(1, 999)) + ".example.com"
	}
	return ""
}

// namedText guesses from a property's name what a text is about.
func (in *instance) namedText(name string, d *dice) string {
	switch {
	case containsAny(name, "city", "location", "place", "destination", "origin"):
		return pick(d, []string{"Paris", "Tokyo", "Nairobi", "Boston", "Lima", "Oslo", "Seoul", "Cairo", "Toronto", "Lisbon", "Jakarta", "Quito"})
	case containsAny(name, "country"):
		return pick(d, []string{"France", "Japan", "Kenya", "Peru", "Norway", "Egypt", "Canada", "Portugal"})
	case containsAny(name, "email"):
		return formatText("email", d)
	case containsAny(name, "url", "link", "href"):
		return formatText("uri", d)
	case containsAny(name, "date", "day"):
		return formatText("date", d)
	case containsAny(name, "currency"):
		return pick(d, []string{"EUR", "USD", "JPY", "GBP", "CHF"})
	case containsAny(name, "language", "locale"):
		return pick(d, []string{"en", "fr", "de", "ja", "sw", "pt"})
	case strings.HasSuffix(name, "_id") || name == "id":
		return strings.TrimSuffix(strings.TrimSuffix(name, "id"), "_") + itoa(d.between(1000, 9999))
	case containsAny(name, "query", "search", "question", "topic", "subject", "keyword", "symbol", "ticker", "title"):
		return pick(d, in.topics) + pick(d, []string{"", " " + pick(d, in.field).many})
	case containsAny(name, "name", "author", "person", "user"):
		return pick(d, []string{"Ada", "Grace", "Alan", "Mina", "Tomas", "Ife", "Yuki", "Lena"}) + " " +
			pick(d, []string{"Okafor", "Lindgren", "Moreau", "Tanaka", "Silva", "Novak", "Haddad", "Quist"})
	case containsAny(name, "summary", "description", "text", "content", "message", "body", "reason",
		"explanation", "answer", "comment", "note"):
		return in.sentence(d, pick(d, []string{"definition", "mechanism", "detail"}))
	}
	adjective := &strings.Builder{}
	in.expand(adjective, phrase{{slot: "adj"}}, *d)
	return adjective.String() + " " + pick(d, in.field).one
}

// matching writes a text that matches a regular expression, in the subset that
// Go's parser reads; ok is false for others.
func matching(pattern string, d *dice) (text string, ok bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "", false
	}
	var b strings.Builder
	if !writeMatch(&b, re.Simplify(), d) || b.Len() > maxMatch {
		return "", false
	}
	return b.String(), true
}

const maxMatch = 4096

func writeMatch(b *strings.Builder, re *syntax.Regexp, d *dice) bool {
	repeat := func(low, high int) bool {
		for range d.between(low, high) {
			if b.Len() > maxMatch || !writeMatch(b, re.Sub[0], d) {
				return false
			}
		}
		return true
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		return writeClass(b, re.Rune, d)
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(letters[d.n(len(letters))])
	case syntax.OpCapture:
		return writeMatch(b, re.Sub[0], d)
	case syntax.OpStar:
		return repeat(0, 3)
	case syntax.OpPlus:
		return repeat(1, 4)
	case syntax.OpQuest:
		return repeat(0, 1)
	case syntax.OpRepeat:
		return repeat(re.Min, max(re.Min, re.Max))
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if b.Len() > maxMatch || !writeMatch(b, sub, d) {
				return false
			}
		}
	case syntax.OpAlternate:
		return writeMatch(b, pick(d, re.Sub), d)
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
	default:
		return false
	}
	return true
}

// writeClass writes one character of a class, a printable one of ASCII if the
// class has any.
func writeClass(b *strings.Builder, ranges []rune, d *dice) bool {
	var plain []rune
	for i := 0; i+1 < len(ranges); i += 2 {
		for r := max(ranges[i], ' '); r <= min(ranges[i+1], '~'); r++ {
			plain = append(plain, r)
		}
	}
	switch {
	case len(plain) > 0:
		b.WriteRune(pick(d, plain))
	case len(ranges) > 0:
		b.WriteRune(ranges[0])
	default:
		return false
	}
	return true
}
