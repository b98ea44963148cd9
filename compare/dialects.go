package compare

import (
	"slices"
	"strings"

	"cutover/exchange"
)

// known is what any of the dialects uses, in their order. Callers and relays mix
// dialects, so requests and responses are read with all of it, whichever their
// endpoint's own dialect is.
var known = gatherForms()

// dialectForms are the dialects' forms together, each once.
type dialectForms struct {
	exchange.RequestForms
	truncated []string // finish reasons
	varying   []string // paths of a response
}

func gatherForms() (f dialectForms) {
	add := func(dst *[]string, more []string) {
		for _, s := range more {
			if !slices.Contains(*dst, s) {
				*dst = append(*dst, s)
			}
		}
	}
	for _, d := range exchange.Dialects() {
		s := d.Spec()
		add(&f.UserText, s.Forms.UserText)
		add(&f.Schemas, s.Forms.Schemas)
		add(&f.Tools.Lists, s.Forms.Tools.Lists)
		add(&f.Tools.Wrappers, s.Forms.Tools.Wrappers)
		add(&f.Tools.Schemas, s.Forms.Tools.Schemas)
		add(&f.truncated, s.Truncated)
		add(&f.varying, s.Varying)
	}
	return f
}

// dialect is what is special to the protocol of the request's endpoint.
func (c *comparison) dialect() *exchange.DialectSpec {
	if c.request.Endpoint == nil {
		return exchange.DialectNone.Spec()
	}
	return c.request.Endpoint.Dialect.Spec()
}

// gjsonPath is a path of the notation of DialectSpec.Agreeing for gjson.
func gjsonPath(path string) string { return strings.ReplaceAll(path, "[]", "#") }
