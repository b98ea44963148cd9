package compare

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// checkEmpty notes a response without any content.
func (c *comparison) checkEmpty(s *side) {
	if !c.dialect().Complete.Output {
		return
	}
	a := &s.x.Completion
	if len(a.ToolCalls) == 0 && a.Refusal == "" && strings.TrimSpace(a.Text) == "" {
		c.addTrait(s, CodeEmpty)
	}
}

// checkTruncation notes a response that was cut: by its finish reason, or, since
// not every provider gives one, by ending inside a sentence.
func (c *comparison) checkTruncation(s *side) {
	a := &s.x.Completion
	if slices.Contains(known.truncated, a.FinishReason) {
		c.addTrait(s, CodeTruncated)
		return
	}
	if len(a.ToolCalls) == 0 && !a.TextCut && endsInside(a.Text) {
		c.addTrait(s, CodeCutOff)
	}
}

// endsInside reports whether a text of some length ends in the middle of a
// sentence. Lists, code and headings end without a full stop, so only a last
// line that is long, and has sentences in it or before it, counts.
func endsInside(text string) bool {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	if len(text) < 200 {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(text)
	if !unicode.IsLetter(last) && last != ',' && last != '-' {
		return false
	}
	line := text[strings.LastIndexByte(text, '\n')+1:]
	return len(line) >= 60 && hasSentenceEnd(line)
}

// hasSentenceEnd reports whether a line holds the end of a sentence.
func hasSentenceEnd(line string) bool {
	for i := range len(line) {
		switch line[i] {
		case '.', '!', '?':
			return true
		case 0xE3, 0xEF: // lead bytes of 。, ！ and ？
			if strings.ContainsAny(line[i:], "。！？") {
				return true
			}
		}
	}
	return false
}

// shortShare is the ratio of lengths from which on the shorter text is named.
const shortShare = 4

// checkLength notes a text that is much shorter than the other side's.
func (c *comparison) checkLength(p, r *side) {
	a, b := p.x.Completion.TextBytes, r.x.Completion.TextBytes
	if min(a, b) == 0 || max(a, b) < 200 {
		return // nothing to compare, or empty, which has its own check
	}
	if a > b*shortShare {
		c.addTrait(r, CodeShort)
	}
	if b > a*shortShare {
		c.addTrait(p, CodeShort)
	}
}
