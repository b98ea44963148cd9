package mock

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// topics are the words of a prompt that a reply picks up: runs of at most two
// meaningful words, in order, each once.
func topics(prompt string, stop map[string]bool) []string {
	var found []string
	var run []string
	flush := func() {
		if len(run) > 0 {
			found = append(found, strings.Join(run, " "))
			run = run[:0]
		}
	}
	for len(found) < maxTopics && prompt != "" {
		word, rest, glued := nextWord(prompt)
		prompt = rest
		if word == "" || stop[strings.ToLower(word)] || utf8.RuneCountInString(word) < 3 && !isWide(word) {
			flush()
			continue
		}
		if !glued {
			flush()
		}
		run = append(run, word)
		if len(run) == 2 {
			flush()
		}
	}
	flush()
	if len(found) == 0 {
		return []string{"this"}
	}
	return unique(found)
}

const (
	maxTopics    = 8
	maxTopicRune = 24 // of one word
)

// nextWord takes the next word off s. glued says that it follows a single space, so
// that it may continue a phrase.
func nextWord(s string) (word, rest string, glued bool) {
	start := strings.IndexFunc(s, isWordRune)
	if start < 0 {
		return "", "", false
	}
	glued = start == 0 || s[:start] == " "
	s = s[start:]
	end, runes := len(s), 0
	for i, r := range s {
		if !isWordRune(r) && (r != '-' && r != '\'' || !followsLetter(s[i+1:])) {
			end = i
			break
		}
		if runes == maxTopicRune {
			end = i
			break
		}
		runes++
	}
	return s[:end], s[end:], glued
}

func followsLetter(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsLetter(r)
}

func isWordRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r))
}

func isWide(word string) bool {
	r, _ := utf8.DecodeRuneInString(word)
	return wide(r)
}

func unique(words []string) []string {
	seen := make(map[string]bool, len(words))
	kept := words[:0]
	for _, w := range words {
		if key := strings.ToLower(w); !seen[key] {
			seen[key] = true
			kept = append(kept, w)
		}
	}
	return kept
}

// stopWords are not topics.
func stopWords() map[string]bool {
	words := strings.Fields(`a about above after again all also am an and any are as at be because been before being
		below best between both briefly but by can could did do does doing down each easy example explain few for from further
		get give had has have having he help her here hers him his how i if in into is it its itself just know
		know let like list make me mean means might more most my name need no nor not now of off on once one only or other our
		ours out over own please same say sentence sentences she short should show simple so some such summarise summarize
		tell than that the their them then there these they thing things think this those three through to too two
		under until up us use used using very want was way we were what when where which while who whom why will
		with words would write you your yours describe answer question difference ways good work works paragraph`)
	stop := make(map[string]bool, len(words))
	for _, w := range words {
		stop[w] = true
	}
	return stop
}
