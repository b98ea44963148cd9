package compare

import (
	"strings"
	"unicode/utf8"
)

// checkRefusal notes a response that declines: by its own fields, or by its
// opening words.
func (c *comparison) checkRefusal(s *side) {
	a := &s.x.Completion
	if a.Refusal != "" || a.FinishReason == "refusal" || a.FinishReason == "content_filter" || soundsLikeRefusal(a.Text) {
		c.addTrait(s, CodeRefusal)
	}
}

// refusalOpening is how much of a text is searched: a refusal comes first, and
// later such words are mostly about something else.
const refusalOpening = 200

// soundsLikeRefusal reports whether a text opens like one that declines.
func soundsLikeRefusal(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) > refusalOpening {
		end := refusalOpening
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	text = strings.ReplaceAll(strings.ToLower(text), "’", "'")
	for i := range len(text) {
		if i > 0 && asciiLetter(text[i-1]) {
			continue // phrases begin where words do
		}
		for _, phrase := range refusalIndex[text[i]] {
			if strings.HasPrefix(text[i:], phrase) {
				return true
			}
		}
	}
	return false
}

func asciiLetter(c byte) bool { return c < utf8.RuneSelf && asciiWord[c] > '9' }

// refusalIndex holds the phrases by their first byte.
var refusalIndex = func() (index [256][]string) {
	for _, phrase := range refusalPhrases {
		index[phrase[0]] = append(index[phrase[0]], phrase)
	}
	return index
}()

// refusalPhrases are in lower case, with straight apostrophes. Each must be
// rare in the opening of a response that helps.
var refusalPhrases = [...]string{
	// English
	"i can't help with", "i can't assist", "i cannot assist", "i cannot help with", "i can't provide", "i cannot provide",
	"i'm sorry, but i can't", "i'm sorry, but i cannot", "i am sorry, but i can't", "i am sorry, but i cannot",
	"sorry, i can't", "sorry, i cannot",
	"i'm unable to", "i am unable to", "i'm not able to help", "i am not able to help", "i won't be able to",
	"i must decline", "i can't comply", "i cannot comply",
	"i'm not able to provide", "i am not able to provide", "i can't discuss", "i cannot discuss", "against my guidelines",
	// German
	"dabei kann ich nicht helfen", "dabei kann ich leider nicht helfen", "es tut mir leid, aber ich kann",
	"ich kann ihnen dabei nicht", "ich kann dir dabei nicht", "das kann ich leider nicht",
	// French
	"je ne peux pas vous aider", "je ne peux pas t'aider", "je suis désolé, mais je ne peux pas",
	"désolé, je ne peux pas", "je ne suis pas en mesure",
	// Spanish
	"no puedo ayudarte con", "no puedo ayudar con", "lo siento, pero no puedo", "lo siento, no puedo",
	"no puedo proporcionar",
	// Italian
	"non posso aiutarti", "mi dispiace, ma non posso", "non sono in grado di",
	// Portuguese
	"não posso ajudar", "desculpe, mas não posso", "sinto muito, mas não posso", "lamento, mas não posso",
	// Dutch
	"daar kan ik niet bij helpen", "het spijt me, maar ik kan",
	// Polish, Russian, Ukrainian
	"nie mogę pomóc", "przykro mi, ale nie mogę", "я не могу помочь", "извините, но я не могу",
	"к сожалению, я не могу", "я не можу допомогти",
	// Chinese, Japanese, Korean
	"我无法提供", "我不能提供", "抱歉，我无法", "对不起，我不能", "很抱歉，我不能", "我無法提供",
	"申し訳ありませんが、", "お手伝いできません", "お答えできません", "죄송하지만",
	"도와드릴 수 없습니다",
	// Arabic, Hindi, Turkish
	"لا أستطيع مساعدتك", "آسف، لا يمكنني",
	"मैं इसमें मदद नहीं कर सकता", "yardımcı olamam",
}
