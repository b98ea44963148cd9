package shadow

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"cutover/exchange"
)

// Exclude keeps requests out of the mirror by what they are about. The zero
// value excludes nothing.
type Exclude struct {
	endpoints map[string]bool
	tenants   matcher
	models    matcher
	paths     matcher
}

// matcher holds names, and beginnings of names that were written with a * at
// their end.
type matcher struct {
	names     map[string]bool
	beginning []string
}

// ParseExclude reads rules: an endpoint's name ("embeddings"), or
// "tenant:NAME", "model:NAME", "path:PATH", where NAME and PATH may end in *.
// The error names every rule that can't be read.
func ParseExclude(rules []string) (e Exclude, err error) {
	var problems []error
	e.endpoints = map[string]bool{}
	for _, rule := range rules {
		kind, name, found := strings.Cut(rule, ":")
		switch {
		case !found && exchange.Lookup(http.MethodPost, "/v1/"+rule).Mirrorable():
			e.endpoints[rule] = true
		case !found:
			problems = append(problems, fmt.Errorf("%q is no endpoint that is mirrored: write a name such as chat/completions or embeddings, or tenant:NAME, model:NAME, path:PATH", rule))
		case name == "":
			problems = append(problems, fmt.Errorf("%q names nothing after the colon", rule))
		case kind == "tenant":
			e.tenants.add(name)
		case kind == "model":
			e.models.add(name)
		case kind == "path":
			e.paths.add(name)
		default:
			problems = append(problems, fmt.Errorf("%q begins with %q: write tenant:, model: or path:, or the name of an endpoint", rule, kind))
		}
	}
	return e, errors.Join(problems...)
}

func (m *matcher) add(name string) {
	if head, ok := strings.CutSuffix(name, "*"); ok {
		m.beginning = append(m.beginning, head)
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
	for _, head := range m.beginning {
		if strings.HasPrefix(name, head) {
			return true
		}
	}
	return false
}

// reason says by which kind of rule a request is excluded; "" if by none.
func (e *Exclude) reason(q *exchange.Request) string {
	switch {
	case e.endpoints[q.Endpoint.Name]:
		return "excluded_endpoint"
	case e.tenants.has(q.Tenant):
		return "excluded_tenant"
	case e.models.has(q.Facts.Model):
		return "excluded_model"
	case e.paths.has(q.Path):
		return "excluded_path"
	}
	return ""
}
