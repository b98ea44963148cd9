package shadow

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cutover/exchange"
)

// Exclude keeps requests out of the mirror by endpoint, tenant, model or path.
// The zero value excludes nothing.
type Exclude struct {
	endpoints map[string]bool
	tenants   matcher
	models    matcher
	paths     matcher
}

// matcher holds names, and prefixes of names, which are written with a * at the
// end.
type matcher struct {
	names    map[string]bool
	prefixes []string
}

// ParseExclude parses rules: an endpoint's name ("embeddings"), or
// "tenant:NAME", "model:NAME", "path:PATH", where NAME and PATH may end in *.
// The error names every invalid rule.
func ParseExclude(rules []string) (e Exclude, err error) {
	var problems []error
	e.endpoints = map[string]bool{}
	for _, rule := range rules {
		kind, name, found := strings.Cut(rule, ":")
		switch {
		case !found && exchange.Lookup(http.MethodPost, "/v1/"+rule).Mirrorable():
			e.endpoints[rule] = true
		case !found:
			problems = append(problems, fmt.Errorf("%q is not an endpoint that is mirrored: use a name such as "+
				"chat/completions or embeddings, or tenant:NAME, model:NAME, path:PATH", rule))
		case name == "":
			problems = append(problems, fmt.Errorf("%q has no name after the colon", rule))
		case kind == "tenant":
			e.tenants.add(name)
		case kind == "model":
			e.models.add(name)
		case kind == "path":
			e.paths.add(name)
		default:
			problems = append(problems, fmt.Errorf("%q starts with %q: use tenant:, model: or path:, or the name of an endpoint", rule, kind))
		}
	}
	return e, errors.Join(problems...)
}

func (m *matcher) add(name string) {
	if prefix, ok := strings.CutSuffix(name, "*"); ok {
		m.prefixes = append(m.prefixes, prefix)
		return
	}
	if m.names == nil {
		m.names = map[string]bool{}
	}
	m.names[name] = true
}

func (m *matcher) has(name string) bool {
	if m.names[name] {
		return true
	}
	for _, prefix := range m.prefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// reason says which kind of rule excludes a request; "" when none does.
func (e *Exclude) reason(q *exchange.Request) string {
	switch {
	case e.endpoints[q.Endpoint.Name]:
		return skipExcludedEndpoint
	case e.tenants.has(q.Tenant):
		return skipExcludedTenant
	case e.models.has(q.Facts.Model):
		return skipExcludedModel
	case e.paths.has(q.Path):
		return skipExcludedPath
	}
	return ""
}
