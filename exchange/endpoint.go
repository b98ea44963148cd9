package exchange

// Dialect is the wire protocol of an endpoint's bodies.
type Dialect uint8

// The dialects that the side parse understands. DialectNone is passed on
// without a look inside.
const (
	DialectNone Dialect = iota
	OpenAIChat
	OpenAICompletions
	OpenAIResponses
	OpenAIEmbeddings
	OpenAIModerations
	AnthropicMessages
	AnthropicCount
)

// Kind says how an endpoint may be routed.
type Kind uint8

// The kinds. Opaque is the zero value: what is unknown goes to the primary,
// untouched.
const (
	Opaque    Kind = iota
	Inference      // stateless: either provider can answer, and it may be mirrored
	Stateful       // goes where the id that it names was made
)

// Endpoint is one row of the endpoint table.
type Endpoint struct {
	Name    string // path under /v1 without ids: "chat/completions", "files", ...; "other" for the unknown
	Dialect Dialect
	Kind    Kind
}

// Mirrorable reports whether requests to this endpoint may be sent to the
// other provider as well.
func (e *Endpoint) Mirrorable() bool { return e.Kind == Inference }

// Lookup finds the endpoint of a request. escapedPath is the path as sent,
// without the query. It never returns nil: what is unknown is "other".
func Lookup(method, escapedPath string) *Endpoint { return other }

var other = &Endpoint{Name: "other"}
