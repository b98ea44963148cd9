package exchange

import "slices"

// openAIModerations is the dialect of moderations.
func openAIModerations() DialectSpec {
	return DialectSpec{
		Name: "openai-moderations",
		endpoints: []row{
			{method: "POST", pattern: "moderations", kind: Inference, dialect: OpenAIModerations},
		},
		Forms: RequestForms{UserText: []string{"input"}},

		readBody: (*response).readModerations,
		Agreeing: []string{"results.[].flagged"},
	}
}

// readModerations reads the response of the moderations endpoint.
func (r *response) readModerations(data []byte) {
	s := scanner{b: data}
	c := &r.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "id":
			r.setOnce(&c.ID, &s)
		case "model":
			r.setOnce(&c.Model, &s)
		case "error":
			r.readError(&s)
		case "results":
			r.wellFormed = r.wellFormed || s.peek() == '['
			c.Choices = 0
			for more := s.array(); more; more = s.nextItem() {
				r.readModeration(&s, c.Choices == 0)
				c.Choices++
			}
			r.empty = c.Choices == 0
		default:
			s.skip()
		}
	}
	r.checkSyntax(&s)
	slices.Sort(c.Categories)
}

// categoryLimit bounds the categories that are kept; providers have about 13.
const categoryLimit = 64

// readModeration consumes the result for one input; the first one's is kept.
func (r *response) readModeration(s *scanner, first bool) {
	c := &r.x.Completion
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch {
		case first && string(key) == "flagged":
			c.Flagged = s.truth()
		case first && string(key) == "categories":
			for key, ok := s.object(); ok; key, ok = s.nextKey() {
				name := key
				if s.truth() && r.keepText && len(c.Categories) < categoryLimit {
					c.Categories = append(c.Categories, jsonString{raw: name}.truncated())
				}
			}
		default:
			s.skip()
		}
	}
}
