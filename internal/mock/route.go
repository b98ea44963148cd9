package mock

// dialect says whose API format an endpoint has.
type dialect uint8

const (
	openAIDialect dialect = iota
	anthropicDialect
	sharedDialect // both have it: the anthropic-version header decides
)

// bodyKind says how a request's body is read.
type bodyKind uint8

const (
	jsonBody   bodyKind = iota // whole, before anything else
	streamBody                 // by the handler, as it comes
)

// route is one endpoint.
type route struct {
	name    string // path without ids
	dialect dialect
	body    bodyKind
	admin   bool
	parse   func(*question, []byte) *problem // inference endpoints only
	handle  func(*call)

	// For endpoints that compose a response:
	render     func(*renderer) *rendering
	object     string             // the object type of its stored responses
	errorEvent func(*call) []byte // an error behind a 200
	unnamed    bool               // events have no names and no fixed order of blocks
}

// pattern is a route's method and path; "*" stands for one id.
type pattern struct {
	method string
	path   []string
	route  *route
}

// routes is the endpoint table by the first part of the path.
type routes map[string][]pattern

func (t routes) add(method, path string, r route) {
	parts := segments(path)
	r.name = routeName(parts)
	t[parts[0]] = append(t[parts[0]], pattern{method: method, path: parts, route: &r})
}

// routeName joins the parts of a pattern that are no ids.
func routeName(parts []string) string {
	name := ""
	for _, p := range parts {
		if p == "*" {
			continue
		}
		if name != "" {
			name += "/"
		}
		name += p
	}
	return name
}

// find returns the endpoint of a path, nil when there is none, the ids in the
// path, and whether the endpoint takes this method.
func (t routes) find(method, path string) (r *route, ids []string, allowed bool) {
	parts := segments(path)
	if len(parts) == 0 {
		return nil, nil, false
	}
	for i := range t[parts[0]] {
		p := &t[parts[0]][i]
		if !p.covers(parts) {
			continue
		}
		if p.method == method || method == "HEAD" && p.method == "GET" {
			return p.route, p.ids(parts), true
		}
		if r == nil {
			r, ids = p.route, p.ids(parts)
		}
	}
	return r, ids, false
}

func (p *pattern) covers(parts []string) bool {
	if len(parts) != len(p.path) {
		return false
	}
	for i, want := range p.path {
		if want != "*" && want != parts[i] || want == "*" && parts[i] == "" {
			return false
		}
	}
	return true
}

func (p *pattern) ids(parts []string) []string {
	var ids []string
	for i, want := range p.path {
		if want == "*" {
			ids = append(ids, parts[i])
		}
	}
	return ids
}
