package compare

import (
	"fmt"
	"strings"
)

// checkModel notes a response that names another model than the requested one.
func (c *comparison) checkModel(s *side) {
	if named := s.x.Completion.Model; named != "" && s.x.Model != "" && !sameModel(s.x.Model, named) {
		c.addTrait(s, CodeModelName)
	}
}

// findOutcome adds the finding of a failed call. For a model that a side does not
// have, it says where the name comes from and what to do. The path distinguishes
// such findings in reports by the mapped name, of which there are few; unmapped
// names are the callers' and share one path.
func (c *comparison) findOutcome(s *side, code string) {
	n := len(c.result.Findings)
	if code != CodeUnknownModel {
		c.addFinding(s, code, "")
		return
	}
	asked, to, key := label(c.request.Facts.Model), label(s.x.Model), "upstreams."+s.name+"."
	path, sentence := "", ""
	switch rule := s.x.ModelRule; {
	case to == "":
		sentence = fmt.Sprintf("The %s does not have the requested model.", s.name)
	case rule == "" || rule == "unmapped":
		sentence = fmt.Sprintf("The %s has no model %s, which was requested by that name and is not mapped: "+
			"add it under %smodels.map.", s.name, to, key)
	case strings.HasSuffix(rule, "default"):
		path = to
		sentence = fmt.Sprintf("The %s has no model %s, which %s%s gives for %s: "+
			"correct it, or add %s under %smodels.map.", s.name, to, key, rule, asked, asked, key)
	default:
		path = to
		sentence = fmt.Sprintf("The %s has no model %s, to which %s%s maps %s: correct that entry.", s.name, to, key, rule, asked)
	}
	if c.addFinding(s, code, path); len(c.result.Findings) > n {
		c.result.Findings[n].Sentence = sentence
	}
}

// sameModel reports whether two names may be of the same model: the same but
// for a vendor's prefix, case, the way in which versions are punctuated, and a
// snapshot's suffix (gpt-4o names gpt-4o-2024-08-06, but not gpt-4o-mini).
func sameModel(asked, named string) bool {
	if asked == named {
		return true
	}
	a, b := plainModel(asked), plainModel(named)
	if len(a) > len(b) {
		a, b = b, a
	}
	rest, ok := strings.CutPrefix(b, a)
	return ok && (rest == "" || snapshotSuffix(rest))
}

// plainModel drops the vendor's prefix and writes versions one way.
func plainModel(name string) string {
	name = strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	name, _, _ = strings.Cut(name, "@")
	return strings.NewReplacer(".", "-", "_", "-", ":", "-").Replace(name)
}

// snapshotSuffix reports whether what follows a model's name is only a date, a
// build number or "latest".
func snapshotSuffix(rest string) bool {
	if rest == "-latest" {
		return true
	}
	digits := 0
	for i := range len(rest) {
		switch c := rest[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c != '-' && c != 'v':
			return false
		}
	}
	return rest[0] == '-' && digits >= 3
}
