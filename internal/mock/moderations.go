package mock

import (
	"net/http"
	"strings"
)

// moderationCategories are OpenAI's moderation categories, each with the words that
// trigger it here.
func moderationCategories() [][]string {
	return [][]string{
		{"harassment", "idiot", "stupid", "loser"}, {"harassment/threatening", "hurt you"}, {"hate", "hate"}, {"hate/threatening"},
		{"illicit", "steal", "shoplift"}, {"illicit/violent", "bomb"}, {"self-harm", "suicide"}, {"self-harm/intent"}, {"self-harm/instructions"},
		{"sexual"}, {"sexual/minors"}, {"violence", "kill", "murder", "bomb"}, {"violence/graphic"},
	}
}

// moderate handles moderations: a text is flagged for its words.
func moderate(c *call) {
	results := make([]any, len(c.ask.inputs))
	for i, text := range c.ask.inputs {
		results[i] = c.moderation(strings.ToLower(text))
	}
	c.sendObject(http.StatusOK, ordered{"id", "modr-" + newID(c.id, 0), "model", c.ask.model, "results", results})
}

func (c *call) moderation(text string) ordered {
	var categories, scores, applied ordered
	flagged := false
	for _, category := range moderationCategories() {
		name, words := category[0], category[1:]
		d := throw(c.Seed, hashText(name), hashText(text))
		score := d.float() * 0.02
		hit := containsAny(text, words...)
		if hit {
			score = 0.8 + d.float()*0.19
		}
		flagged = flagged || hit
		categories = append(categories, name, hit)
		scores = append(scores, name, score)
		applied = append(applied, name, []string{"text"})
	}
	return ordered{"flagged", flagged, "categories", categories, "category_scores", scores, "category_applied_input_types", applied}
}
