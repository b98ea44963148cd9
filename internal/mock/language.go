package mock

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How noise is distributed: single words and phrases change most, whole sentences
// less often.
const (
	noiseInSlots = 0.5
	noiseReplace = 0.20
	noiseDrop    = 0.10
	noiseSwap    = 0.12
)

// tokensPerSentence is about how long the lexicon's sentences are.
const tokensPerSentence = 17

// style is how a voice writes. It depends only on the voice.
type style struct {
	greets, closes float64 // chances
	lists          float64
	length         float64 // factor
	bold, numbered bool    // list items
	paragraph      int     // sentences
}

func styleOf(voice uint64) style {
	d := throw(voice, 0x57)
	return style{greets: d.float() * 0.6, closes: 0.2 + d.float()*0.7, lists: 0.06 + d.float()*0.24, length: 0.75 + d.float()*0.6,
		bold: d.chance(0.5), numbered: d.chance(0.5), paragraph: d.between(3, 5)}
}

// writer composes one text.
type writer struct {
	*composer
	style  style
	topics []string
	field  []noun
	n      int // items of a list
}

// speak writes a reply of several sentences about the prompt.
func (m *composer) speak(base dice) string {
	w := m.writer(&base)
	asked := strings.ToLower(m.q.prompt)
	chance := base.float()
	switch {
	case asksForCode(asked) || chance < 0.03:
		return w.code(&base)
	case asksForList(asked) || chance < 0.03+w.style.lists:
		return w.list(&base)
	}
	return w.prose(&base, w.sentences(&base))
}

// writer prepares what all sentences of one reply share.
func (m *composer) writer(base *dice) *writer {
	w := &writer{composer: m, style: styleOf(m.voice), topics: topics(m.q.prompt, m.words.stop)}
	about := throw(hashText(strings.ToLower(w.topics[0])))
	i := m.words.fieldOf(w.topics)
	if i < 0 || base.chance(0.1) { // sometimes another topic
		about = throw(uint64(about), base.next()%3)
		i = about.n(len(m.words.fields))
	}
	w.field = m.words.fields[i].nouns
	return w
}

func asksForCode(prompt string) bool {
	return containsAny(prompt, "code", "function", "python", "javascript", "golang", "sql query", "script that", "regex")
}

func asksForList(prompt string) bool {
	return containsAny(prompt, "list ", "steps", "bullet", "enumerate", "ideas", "tips", "reasons", "checklist")
}

func containsAny(s string, words ...string) bool {
	for _, w := range words {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}

// sentences is how many sentences a reply has: about the configured length, with a
// realistic spread.
func (w *writer) sentences(base *dice) int {
	want := float64(orElse(w.ResponseTokens, 120)) / tokensPerSentence * w.style.length
	return max(2, int(want*(0.6+0.8*base.float())+0.5))
}

// prose writes n sentences in paragraphs.
func (w *writer) prose(base *dice, n int) string {
	roles := w.plan(base, n)
	lines := w.lines(base, roles)
	var b strings.Builder
	for i, line := range lines {
		switch {
		case i == 0:
		case i%w.style.paragraph == 0 && i < len(lines)-1:
			b.WriteString("\n\n")
		default:
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// plan chooses what each sentence is for.
func (w *writer) plan(base *dice, n int) []string {
	body := []string{"mechanism", "mechanism", "detail", "example", "contrast", "caveat", "advice"}
	var roles []string
	if base.chance(w.style.greets) {
		roles = append(roles, "greeting")
	}
	roles = append(roles, "definition")
	closes := base.chance(w.style.closes)
	for len(roles) < n-1 || len(roles) < n && !closes {
		roles = append(roles, pick(base, body))
	}
	if closes {
		roles = append(roles, "closing")
	}
	return roles
}

// lines writes a sentence for each role. Each sentence has its own dice, so that noise
// in one does not affect the others.
func (w *writer) lines(base *dice, roles []string) []string {
	seed := base.next()
	lines := make([]string, 0, len(roles))
	used := make(map[string]bool, len(roles))
	for i, role := range roles {
		d := throw(seed, uint64(i))
		if w.deviates(noiseReplace) {
			d = throw(w.draw.next())
		} else if i > 0 && w.deviates(noiseDrop) {
			continue
		}
		line := w.sentence(&d, role)
		for try := 0; used[line] && try < 3; try++ {
			line = w.sentence(&d, role)
		}
		used[line] = true
		lines = append(lines, line)
	}
	for i := 2; i < len(lines)-1; i++ {
		if w.deviates(noiseSwap) {
			lines[i-1], lines[i] = lines[i], lines[i-1]
		}
	}
	return lines
}

// deviates draws whether this call differs here from the seed's text.
func (m *composer) deviates(share float64) bool {
	return m.Noise > 0 && m.draw != nil && m.draw.chance(m.Noise*share)
}

// sentence writes one entry of a section, starting with a capital letter.
func (w *writer) sentence(d *dice, section string) string {
	p := pick(d, w.words.sections[section])
	var b strings.Builder
	w.expand(&b, p, *d)
	*d = throw(uint64(*d))
	return capital(articles(b.String()))
}

// expand fills in a phrase. Each segment has its own dice.
func (w *writer) expand(b *strings.Builder, p phrase, seed dice) {
	for i := range p {
		s := &p[i]
		if s.text != "" {
			b.WriteString(s.text)
			continue
		}
		d := throw(uint64(seed), uint64(i))
		if w.deviates(noiseInSlots) {
			d = throw(w.draw.next())
		}
		if s.slot == "" {
			w.expand(b, pick(&d, s.choices), d)
			continue
		}
		w.fill(b, s.slot, d)
	}
}

// fill writes what stands for a slot.
func (w *writer) fill(b *strings.Builder, slot string, d dice) {
	switch slot {
	case "topic":
		b.WriteString(w.topics[0])
	case "topic2":
		if len(w.topics) == 1 { // "bridges is more than bridges" says little
			b.WriteString(pick(&d, w.field).many)
			break
		}
		b.WriteString(pick(&d, w.topics[1:]))
	case "thing":
		b.WriteString(pick(&d, w.field).one)
	case "things":
		b.WriteString(pick(&d, w.field).many)
	case "num":
		b.WriteString(strconv.Itoa(d.between(2, 9)))
	case "num2":
		b.WriteString(strconv.Itoa(d.between(10, 60)))
	case "n":
		b.WriteString(pick(&d, []string{"several", strconv.Itoa(w.n)}))
	case "percent":
		b.WriteString(strconv.Itoa(d.between(3, 90)))
	case "year":
		b.WriteString(strconv.Itoa(d.between(1790, 2023)))
	default:
		w.expand(b, pick(&d, w.words.sections[slot]), d)
	}
}

// articles resolves "a~" and "A~" by the sound of what follows.
func articles(s string) string {
	for i := strings.IndexByte(s, '~'); i > 0; i = strings.IndexByte(s, '~') {
		end := ""
		if next := strings.TrimLeft(s[i+1:], " "); next != "" && strings.ContainsRune("aeiou", unicode.ToLower(rune(next[0]))) {
			end = "n"
		}
		s = s[:i] + end + s[i+1:]
	}
	return s
}

func capital(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	if !unicode.IsLower(r) {
		return s
	}
	return string(unicode.ToUpper(r)) + s[size:]
}

// refuse writes a reply that declines.
func (m *composer) refuse(base *dice) string {
	return m.writer(base).sentence(base, "refusal")
}
