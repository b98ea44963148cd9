package exchange

// Dialect is the wire protocol of an endpoint's bodies.
type Dialect uint8

// The dialects that the side parse understands. The bodies of DialectNone are
// passed on unread. Where the dialects' lists are searched one after another,
// this is the order.
const (
	DialectNone Dialect = iota
	OpenAIChat
	OpenAIResponses
	OpenAICompletions
	OpenAIEmbeddings
	OpenAIModerations
	AnthropicMessages
	AnthropicCount
	dialectCount
)

// dialects is the table of everything that is special to one dialect. Each
// value stands in a file of its own, dialect_<name>.go. It is only read.
var dialects = [dialectCount]DialectSpec{
	DialectNone:       {Name: "none"},
	OpenAIChat:        openAIChat(),
	OpenAIResponses:   openAIResponses(),
	OpenAICompletions: openAICompletions(),
	OpenAIEmbeddings:  openAIEmbeddings(),
	OpenAIModerations: openAIModerations(),
	AnthropicMessages: anthropicMessages(),
	AnthropicCount:    anthropicCount(),
}

// DialectSpec is what is special to one dialect: a new dialect is a new value,
// in a file of its own. The functions are optional; the comment says what nil
// means. Functions get everything that they read as an argument, keep nothing,
// and must cope with any bytes.
type DialectSpec struct {
	Name string // for messages and tests: "openai-chat", ...

	// Endpoints.

	// endpoints are the paths whose bodies are in this dialect, and those that
	// only share such a path.
	endpoints []row
	// stored are patterns of paths, one a line, for what a provider keeps of
	// this dialect's responses: Stateful for any method.
	stored string

	// Requests.

	// readMember consumes the value of a member of the request and returns
	// true, or consumes nothing and returns false. It notes the conversation
	// (inspection.messages, system, opening), which tools are offered
	// (inspection.tools), and what binds the request to one provider
	// (inspection.mark). Members that all dialects share never get here.
	// nil: there are no others.
	readMember func(in *inspection, key []byte) bool
	// readMessageMember is the same for a member of one of the messages.
	// nil: nothing but the members that all messages share.
	readMessageMember func(in *inspection, key []byte) bool
	// judgeItem notes what an item in the list of messages refers to by its
	// type. nil: messages have no types.
	judgeItem func(in *inspection, item itemKind)
	// Forms says where a request of this dialect states things that only the
	// comparison reads.
	Forms RequestForms
	// Headers are the fields by which a request chooses a version or preview
	// of the API: a shadow request has them too.
	Headers []string
	// Storage says whether the provider keeps a response.
	Storage Storage
	// ItemIDs says that the "id" of an input item names something stored.
	ItemIDs bool
	// UsageOnRequest says that a stream reports its usage only where
	// stream_options.include_usage asks for it.
	UsageOnRequest bool
	// CreatesObjects says that tools run by the provider leave files and
	// containers there, which the response names.
	CreatesObjects bool
	// NoOutputTokens says that responses cost no output tokens.
	NoOutputTokens bool

	// Responses.

	// readBody reads a successful response that is not a stream. Required.
	readBody func(r *response, data []byte)
	// readEvent reads one server-sent event, which has data: name is the
	// event: field, "" without one. It sets response.done at the event that
	// ends the stream, and response.failed at an error. nil: responses are
	// never streamed.
	readEvent func(r *response, name, data []byte)
	// readCutEvent reads an event of which only the name was kept. false: the
	// name says nothing, and the event counts as output.
	// nil: no name says anything.
	readCutEvent func(r *response, name []byte) bool
	// doneMarker says that "data: [DONE]" ends a stream. Elsewhere it is
	// ignored, as some servers send it in every dialect.
	doneMarker bool
	// eventModel is the member of an event that holds the object which names
	// the model; "": the event does so itself.
	eventModel string
	// noArguments are the arguments of a tool call that came without any.
	noArguments string
	// Streams says that responses can be streams, and that a stream says when
	// it is over: one without that last event was cut off.
	Streams bool
	// Complete says what every complete response holds.
	Complete Parts
	// finishReasons are the usual ones: they need no copy.
	finishReasons []string
	// Truncated are the finish reasons of a response that was cut short.
	Truncated []string
	// Varying are paths of a response body that are expected to differ between
	// two responses to one request: keys joined by dots, [] for any item of a
	// list, * for any characters.
	Varying []string
	// Agreeing are paths, in the same notation, of values that must not differ.
	Agreeing []string

	// What the sidecar itself says to callers. Errors are worded so that the
	// dialect's SDKs raise the right exception.

	// speaks reports whether the caller of an endpoint without a dialect uses
	// this dialect's API. nil: that can't be told, or another dialect of the
	// same API says so.
	speaks func(q *Request) bool
	// PagedLists says that the API's lists come in pages (limit, after_id,
	// before_id).
	PagedLists bool
	// cutOff is what the dialect's own servers say where a stream of theirs can't
	// go on: agents repeat a call by that type and by those words. The zero value is
	// OpenAI's.
	cutOff cutOff
	// errorBody is a problem as the body of a response, to be encoded as JSON.
	// nil: OpenAI's form.
	errorBody func(p Problem) any
	// errorEvent is a problem as an event of a stream: its name, and its data
	// to be encoded as JSON. nil: the body, in an event without a name.
	errorEvent func(p Problem) (name string, data any)
	// wrapError turns a provider's error body into an event: its name, and its
	// data to be encoded as JSON. nil: that body, in an event without a name.
	wrapError func(e providerError) (name string, data any)
}

// Storage says whether a provider keeps a response, so that later requests can
// name it.
type Storage uint8

// The kinds of storage.
const (
	NotStored       Storage = iota
	StoredOnRequest         // where the request has "store": true
	StoredByDefault         // unless the request has "store": false
)

// Parts are parts of a response.
type Parts struct {
	Output       bool // text, a refusal or tool calls
	FinishReason bool
	ID           bool
	Usage        bool // of a stream too, unless UsageOnRequest says otherwise
}

// RequestForms says where a request states things, as paths of gjson.
type RequestForms struct {
	// UserText are members that hold what the user wrote: a string, or a list
	// of strings or of messages.
	UserText []string
	// Schemas are paths of a JSON schema for the response's text.
	Schemas []string
	// Tools says how tools are offered.
	Tools ToolForms
}

// ToolForms says how tools are offered.
type ToolForms struct {
	Lists    []string // members that hold a list of tools
	Wrappers []string // members of a tool that may hold its definition
	Schemas  []string // members of the definition that hold the arguments' schema
}

// Spec returns what is special to the dialect. All callers share it: it is only
// read.
func (d Dialect) Spec() *DialectSpec {
	if d >= dialectCount {
		return &dialects[DialectNone]
	}
	return &dialects[d]
}

// understood reports whether bodies are read at all.
func (s *DialectSpec) understood() bool { return s.readBody != nil }

// Endpoint is the name of the dialect's main endpoint.
func (s *DialectSpec) Endpoint() string {
	if len(s.endpoints) == 0 {
		return other.Name
	}
	return s.endpoints[0].pattern
}

// Dialects returns every dialect but DialectNone, in order.
func Dialects() []Dialect {
	all := make([]Dialect, 0, dialectCount-1)
	for d := DialectNone + 1; d < dialectCount; d++ {
		all = append(all, d)
	}
	return all
}
