package exchange

import "strings"

// Kind says how an endpoint may be routed.
type Kind uint8

// The kinds. Opaque is the zero value: anything unknown goes to the primary,
// untouched.
const (
	Opaque    Kind = iota
	Inference      // stateless: either provider can serve it, and it may be mirrored
	Stateful       // goes where the id that it names was made
)

// Endpoint is one row of the endpoint table.
type Endpoint struct {
	Name    string // path under /v1 without ids: "chat/completions", "files", ...; "other" for the unknown
	Dialect Dialect
	Kind    Kind
	// Generates says that a success is a completion by a model, which can be
	// streamed.
	Generates bool
}

// Mirrorable reports whether requests to this endpoint may be sent to the
// other provider as well.
func (e *Endpoint) Mirrorable() bool { return e.Kind == Inference }

// Lookup finds the endpoint of a request. escapedPath is the path as sent,
// without the query. It never returns nil: what is unknown is "other".
//
// Paths are matched as they are written. An escaped letter, a doubled or a
// trailing slash make a different path, which is left to the primary.
func Lookup(method, escapedPath string) *Endpoint {
	path, ok := strings.CutPrefix(escapedPath, "/v1/")
	if !ok {
		return other
	}
	at := endpoints
	beneath := other // what owns everything below the last node passed
	for more := true; more; {
		var segment string
		segment, path, more = strings.Cut(path, "/")
		if at.beneath != nil {
			beneath = at.beneath
		}
		if at = at.child(segment); at == nil {
			return beneath
		}
	}
	return at.serve(method, beneath)
}

var other = &Endpoint{Name: "other"}

// node is one segment of the table's paths. The tree is built once and only
// read afterwards.
type node struct {
	static  []edge     // few, and the most used first: faster than a map
	id      *node      // what follows an id
	methods []byMethod // rows that end here
	idle    *Endpoint  // same name, Opaque: for methods without a row
	beneath *Endpoint  // for unlisted paths below
}

type edge struct {
	segment string
	to      *node
}

type byMethod struct {
	method string // "" is any
	ep     *Endpoint
}

func (n *node) child(segment string) *node {
	for i := range n.static {
		if n.static[i].segment == segment {
			return n.static[i].to
		}
	}
	if segment == "" {
		return nil
	}
	return n.id
}

func (n *node) serve(method string, beneath *Endpoint) *Endpoint {
	for i := range n.methods {
		if m := n.methods[i].method; m == "" || m == method {
			return n.methods[i].ep
		}
	}
	if n.idle != nil {
		return n.idle
	}
	if n.beneath != nil {
		return n.beneath
	}
	return beneath
}

// newTable builds the tree of the rows. A row's pattern is a path under /v1
// with * for an id; a trailing /** gives everything below to the row too.
func newTable(rows []row) *node {
	root := &node{}
	for _, r := range rows {
		pattern, all := strings.CutSuffix(r.pattern, "/**")
		at := root
		for segment := range strings.SplitSeq(pattern, "/") {
			at = at.grow(segment)
		}
		ep := &Endpoint{Name: r.name(), Dialect: r.dialect, Kind: r.kind, Generates: r.generates}
		at.methods = append(at.methods, byMethod{r.method, ep})
		if r.method != "" && at.idle == nil {
			at.idle = &Endpoint{Name: ep.Name}
		}
		if all {
			at.beneath = ep
		}
	}
	return root
}

// grow returns the child for a pattern's segment, which it makes if need be.
func (n *node) grow(segment string) *node {
	if segment == "*" {
		if n.id == nil {
			n.id = &node{}
		}
		return n.id
	}
	for _, e := range n.static {
		if e.segment == segment {
			return e.to
		}
	}
	child := &node{}
	n.static = append(n.static, edge{segment, child})
	return child
}

// MisplacedInference reports whether a request for no endpoint of the table would
// be one for inference with another path: callers' base URLs have a slash too
// much, lack /v1, or are in the form of Azure's deployments. It is as good as
// certain that such a request was meant to be one.
func MisplacedInference(method, escapedPath string) bool {
	if Lookup(method, escapedPath).Kind != Opaque {
		return false
	}
	var segments [2]string // the last ones, without empty ones
	n := 0
	for rest := escapedPath; rest != "" && n < len(segments); {
		i := strings.LastIndexByte(rest, '/')
		if segment := rest[i+1:]; segment != "" {
			segments[n] = segment
			n++
		}
		if i < 0 {
			break
		}
		rest = rest[:i]
	}
	for length := 1; length <= n; length++ {
		path := "/v1"
		for i := length - 1; i >= 0; i-- {
			path += "/" + segments[i]
		}
		if ep := Lookup(method, path); ep.Kind == Inference && method == "POST" {
			return true
		}
	}
	return false
}
