package compare

import (
	"unicode"
	"unicode/utf8"

	"cutover/exchange"
)

// checkLanguage notes answers in different languages or scripts. Which side
// strayed is told by what the caller wrote; that is read only when there is
// something to tell.
func (c *comparison) checkLanguage(p, r *side) {
	a, b := languageOf(p.x.Completion.Text), languageOf(r.x.Completion.Text)
	if a == b || a == "" || b == "" {
		return
	}
	switch languageOf(promptText(c.request)) {
	case a:
		c.addTrait(r, CodeLanguage)
	case b:
		c.addTrait(p, CodeLanguage)
	default:
		c.addFinding(nil, CodeLanguage, "")
	}
}

// languageSample is how many bytes of a text tell its language.
const languageSample = 600

// languageOf guesses a text's language: by its script ("cyrillic", "han", ...),
// or for Latin script by its commonest words ("en", "de", ...). It returns ""
// when it can't tell: short texts, code, Latin script without known words.
func languageOf(text string) string {
	if len(text) > languageSample {
		text = text[:languageSample]
	}
	script := scriptOf(text)
	if script != "latin" {
		return script
	}
	var votes [len(languageNames)]int
	eachWord(text, func(h uint64) {
		if l, ok := commonWords[h]; ok {
			votes[l]++
		}
	})
	best, second := 0, 0
	for l := range votes {
		if votes[l] > votes[best] {
			best = l
		}
	}
	for l := range votes {
		if l != best {
			second = max(second, votes[l])
		}
	}
	if votes[best] < 5 || votes[best] < 2*second {
		return ""
	}
	return languageNames[best]
}

// scriptOf names the script of most of a text's letters; "" for fewer than 20
// letters or no clear majority. Chinese and Japanese are told by the kana.
func scriptOf(text string) string {
	var counts [scripts]int
	letters := 0
	for i := 0; i < len(text); {
		if c := text[i]; c < utf8.RuneSelf {
			if asciiWord[c] > '9' {
				counts[scriptLatin]++
				letters++
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		if unicode.IsLetter(r) {
			counts[scriptOfRune(r)]++
			letters++
		}
	}
	if counts[scriptKana]*10 > letters {
		counts[scriptKana] += counts[scriptHan]
	}
	for s, n := range counts {
		if letters >= 20 && n*3 > letters*2 {
			return scriptNames[s]
		}
	}
	return ""
}

const (
	scriptOther = iota
	scriptLatin
	scriptGreek
	scriptCyrillic
	scriptHebrew
	scriptArabic
	scriptDevanagari
	scriptThai
	scriptHangul
	scriptKana
	scriptHan
	scripts
)

var scriptNames = [scripts]string{"", "latin", "greek", "cyrillic", "hebrew", "arabic", "devanagari", "thai", "hangul", "kana", "han"}

// scriptOfRune tells a letter's script by its block.
func scriptOfRune(r rune) int {
	switch {
	case r < 0x0250, r >= 0x1E00 && r < 0x1F00:
		return scriptLatin
	case r >= 0x0370 && r < 0x0400:
		return scriptGreek
	case r >= 0x0400 && r < 0x0530:
		return scriptCyrillic
	case r >= 0x0590 && r < 0x0600:
		return scriptHebrew
	case r >= 0x0600 && r < 0x0780:
		return scriptArabic
	case r >= 0x0900 && r < 0x0980:
		return scriptDevanagari
	case r >= 0x0E00 && r < 0x0E80:
		return scriptThai
	case r >= 0xAC00 && r < 0xD7B0:
		return scriptHangul
	case r >= 0x3040 && r < 0x3100:
		return scriptKana
	case unicode.Is(unicode.Han, r):
		return scriptHan
	}
	return scriptOther
}

var languageNames = [...]string{"en", "de", "fr", "es", "it", "pt", "nl"}

// commonWords maps the hashes of words that are frequent in one of the
// languages, and rare in the others, to that language.
var commonWords = func() map[uint64]uint8 {
	m := map[uint64]uint8{}
	for l, words := range [len(languageNames)]string{
		"the and of to is that it for with you this are be from your have which will would can not has",
		"der die das und ist nicht ein eine zu mit auf für sie ich wird werden sich auch dem den von oder durch bei",
		"le les des et est une pour dans vous que qui pas avec sur sont au ce cette plus votre être aux",
		"el los las y es una para en que con por se del como su más este esta son pero está puede",
		"il gli di che è una per con non sono della nel anche più questo questa si le alla può dei",
		"o os as e é uma para em que com não por mais como dos das você seu sua são ao pode está",
		"de het een en van is dat niet voor met op zijn je te ook aan wordt worden deze bij kan",
	} {
		eachWord(words, func(h uint64) {
			if other, taken := m[h]; taken && other != uint8(l) {
				m[h] = ambiguous
				return
			}
			m[h] = uint8(l)
		})
	}
	for h, l := range m {
		if l == ambiguous {
			delete(m, h)
		}
	}
	return m
}()

const ambiguous = 255

// promptText is what the caller wrote last, as far as it can be found.
func promptText(q *exchange.Request) string {
	return lastUserText(q.Body)
}
