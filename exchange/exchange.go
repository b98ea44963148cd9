package exchange

import (
	"net/http"
	"time"

	"cutover/internal/millis"
)

// Arm says which of the two providers an exchange was held with.
type Arm uint8

// The two arms. Primary is the zero value: whatever is unsure goes to the
// provider that callers use today.
const (
	Primary Arm = iota
	Relay
)

// String returns "primary" or "relay".
func (a Arm) String() string {
	if a == Relay {
		return "relay"
	}
	return "primary"
}

// Other returns the opposite arm.
func (a Arm) Other() Arm {
	if a == Relay {
		return Primary
	}
	return Relay
}

// MarshalText writes the arm's name, for JSON.
func (a Arm) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote; any other name is Primary.
func (a *Arm) UnmarshalText(b []byte) error {
	*a = Primary
	if string(b) == "relay" {
		*a = Relay
	}
	return nil
}

// Request is what the caller sent. It is filled once, before the first
// upstream is called, and shared by reference afterwards: nobody writes to it,
// to its Header or to its Body.
type Request struct {
	ID       string      // sortable by time, unique in the fleet
	Endpoint *Endpoint   // never nil
	Method   string      // as sent
	Path     string      // escaped, as sent, without the query
	RawQuery string      // as sent
	Header   http.Header // the caller's, complete: secrets included
	Body     []byte      // whole when Held; nil otherwise
	Held     bool        // the body was read and is in Body (an empty body is held too)
	Facts    Facts       // what the body says of itself
	Key      string      // targeting key; never leaves the process
	KeyFrom  string      // where Key was found: "header", "user", ..., "request"
	Tenant   string
	At       time.Time // when the request's header had arrived
	Route    Route
}

// Facts are the fields of a JSON request body that routing and mirroring need.
// Anything missing or of another type than expected is left zero.
type Facts struct {
	Model        string
	Stream       bool
	IncludeUsage bool // stream_options.include_usage
	MaxTokens    int
	Tools        bool // the request offers tools
	JSONMode     bool // response_format or text.format asks for JSON
	Choices      int  // n; 0: not given
	// Stateful is the reason why the body can't be sent to another provider
	// ("previous_response_id", "background", "file_id", ...), or "".
	Stateful string
	// HostedTools are the tools run by the provider that the request offers.
	HostedTools ToolSet
	// OnlyTools says that Stateful is one of them, and that nothing else binds the
	// request to a provider.
	OnlyTools bool
	// Valid says that the body is one JSON object.
	Valid bool
}

// Exchange is one provider's response to one Request, measured from the moment
// when its own call began. A failed call is an Exchange too: failure is data.
type Exchange struct {
	Arm       Arm
	Upstream  string // configured name
	Model     string // the model asked of this upstream, after mapping
	ModelRule string // the key that it was mapped by, "unmapped", or "" when that is not known
	Status    int    // 0: no header came
	Class     Class
	Detail    string // a short code for the log ("dial", "eof", "no_done"); never text from a body
	RequestID string // the provider's own x-request-id or request-id

	Started time.Time
	TTFB    time.Duration // response header; 0: never
	TTFT    time.Duration // first content token of a stream, else first body byte; 0: never
	Total   time.Duration // end of the response, or of the attempt
	Gaps    Gaps          // between content events of a stream

	Bytes      int64 // body bytes as they came (still encoded)
	Streamed   bool  // the response was text/event-stream
	Events     int   // server-sent events seen
	Usage      Usage
	Completion Completion
	Output     bool // the model put out something, also if it is nothing that Completion holds

	ContentType string
	Encoding    string // Content-Encoding of the response
	// Body is the captured response, decoded, as far as a capture was requested
	// and the limit allowed; BodyCut says that there was more.
	Body    []byte
	BodyCut bool
	// Faults are codes of what was wrong with the response's form, in order of
	// appearance, each once ("json", "utf8", "no_done", "event_after_done",
	// "encoding", ...). Empty: nothing wrong was seen.
	Faults []string
	// Trail is what was tried before this exchange, first to last; empty for
	// nearly every request.
	Trail []Step
	// Queued is how long the call waited for capacity within its upstream's
	// limits before it was made. It is part of the times above.
	Queued time.Duration
	// Hedge is the outcome of calling a second provider while the first was
	// silent; "" if the delay was not reached.
	Hedge Hedge
}

// Hedge is how a race between two providers ended.
type Hedge string

// The outcomes of a hedge.
const (
	HedgeWon      Hedge = "won"       // the second responded first, and serves
	HedgeLost     Hedge = "lost"      // the first responded first after all
	HedgeFailed   Hedge = "failed"    // the second failed, and the first serves
	HedgeNeeded   Hedge = "needed"    // the first failed while the second was in flight: the second serves
	HedgeNoBudget Hedge = "no_budget" // the delay was reached, but the budget was used up
)

// Step is one thing that was done for a request before the exchange that ended
// it: a call that failed, or one that was not made.
type Step struct {
	Upstream string `json:"upstream"`
	Class    Class  `json:"class"`
	Detail   string `json:"detail,omitempty"`
	Status   int    `json:"status,omitempty"`
	// Model is what was asked of an upstream that does not know it, with the
	// key that the name was mapped by.
	Model     string          `json:"model,omitempty"`
	ModelRule string          `json:"model_rule,omitempty"`
	Took      millis.Duration `json:"took_ms"`
	Queued    millis.Duration `json:"queued_ms,omitempty"` // of Took: waited for capacity within the limits
	Next      string          `json:"next"`                // "retry", "fallback", "hedge" or "merge"
	Wait      millis.Duration `json:"wait_ms,omitempty"`   // before it
}

// OK reports whether the response is a success that a caller could use.
func (e *Exchange) OK() bool { return e.Class == ClassNone }

// Gaps sums up the silences between content events of one stream.
type Gaps struct {
	N          int
	Sum        time.Duration
	Max        time.Duration
	SumSquares float64 // seconds squared
}

// Add records one silence.
func (g *Gaps) Add(d time.Duration) {
	g.N++
	g.Sum += d
	g.Max = max(g.Max, d)
	s := d.Seconds()
	g.SumSquares += s * s
}

// Usage is what the provider says that it will bill. Known is false when the
// response did not say.
type Usage struct {
	Known        bool `json:"known"`
	InputTokens  int  `json:"input_tokens"`
	OutputTokens int  `json:"output_tokens"`
	CachedTokens int  `json:"cached_tokens"` // of the input
	Reasoning    int  `json:"reasoning_tokens"`
}

// Completion is the model's output, in one form for every dialect.
type Completion struct {
	ID           string
	Model        string // as the response names it
	Text         string // visible text of the first choice; bounded
	TextCut      bool   // Text reached its bound
	TextBytes    int    // length of the whole text, also when Text is not kept
	Refusal      string
	ToolCalls    []ToolCall
	FinishReason string // in the provider's words: "stop", "length", "tool_calls", "end_turn", "completed", ...
	Choices      int
	Embedding    []float32 // of the first input; nil when the endpoint makes none
	Vectors      int       // number of embeddings
	Flagged      bool      // moderations: the first input's verdict
	Categories   []string  // moderations: categories that the first input was flagged for, sorted
	ErrorType    string    // type of an error body or error event, if it looks like an identifier; else "other"
	ErrorCode    string    // likewise
	NoModel      bool      // an error's message says that there is no such model
	// Bound are ids of what only this provider can use again, though it is not an
	// object there: spoken messages, and sealed content as named by SealedID.
	// Other ids are found by package affinity.
	Bound []string
}

// ToolCall is one function call that the model asks for.
type ToolCall struct {
	ID        string `json:"id"`        // as the provider names the call
	Name      string `json:"name"`      // of the tool
	Arguments string `json:"arguments"` // JSON text as the model wrote it
}

// Class is how an exchange ended. The empty class is success. The values are
// also the error.type of metrics: a small closed set.
type Class string

// The classes of failure, in the order in which a call can meet them.
const (
	ClassNone          Class = ""
	ClassConnect       Class = "connect"             // no connection: refused, no route, DNS
	ClassTLS           Class = "tls"                 // handshake or certificate
	ClassHeaderTimeout Class = "header_timeout"      // no header in time
	ClassFirstToken    Class = "first_token_timeout" // header, but no content in time
	ClassIdle          Class = "idle_timeout"        // silence between events
	ClassTimeout       Class = "timeout"             // the whole took too long
	ClassNotSent       Class = "not_sent"            // cutover itself did not send it
	ClassBadRequest    Class = "bad_request"         // 4xx without a class of its own
	ClassAuth          Class = "auth"                // 401, 403
	ClassPayment       Class = "payment_required"    // 402: the account can't pay
	ClassNotFound      Class = "not_found"           // 404
	ClassRateLimited   Class = "rate_limited"        // 429
	ClassServer        Class = "server_error"        // 5xx
	ClassOverloaded    Class = "overloaded"          // 503, 529
	ClassErrorEvent    Class = "error_event"         // an error inside a 200
	ClassMalformed     Class = "malformed"           // 200, but not what the protocol says
	ClassEmpty         Class = "empty"               // 200 and nothing
	ClassBroken        Class = "broken"              // the connection broke inside the response
	ClassUnfinished    Class = "unfinished"          // clean end without the event that ends a stream
	ClassAborted       Class = "aborted"             // the caller went away
)

// ClassOfStatus maps an HTTP status to its class; 1xx, 2xx and 3xx are ClassNone.
func ClassOfStatus(status int) Class {
	switch {
	case status < 400:
		return ClassNone
	case status == 401 || status == 403:
		return ClassAuth
	case status == 402:
		return ClassPayment
	case status == 404:
		return ClassNotFound
	case status == 429:
		return ClassRateLimited
	case status == 503 || status == 529:
		return ClassOverloaded
	case status >= 500:
		return ClassServer
	}
	return ClassBadRequest
}
