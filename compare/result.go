package compare

import (
	"time"

	"cutover/exchange"
	"cutover/internal/millis"
)

// Result is what a Pair's comparison found. It is small, goes to logs, stores
// and reports, and holds no text of a request or an answer: names of models and
// finish reasons pass through label, sentences are cutover's own.
type Result struct {
	ID       string       `json:"id"`               // of the request; sortable by time
	At       time.Time    `json:"at"`               // when the request came
	Endpoint string       `json:"endpoint"`         // its name, such as "chat.completions"
	Model    string       `json:"model,omitempty"`  // as the caller asked
	Stream   bool         `json:"stream,omitempty"` // the caller asked for a stream
	Tools    bool         `json:"tools,omitempty"`  // the request offers tools
	JSON     bool         `json:"json,omitempty"`   // the request asks for JSON
	Outcome  Outcome      `json:"outcome"`
	Why      string       `json:"why,omitempty"` // reason for Skipped and Dropped
	Served   exchange.Arm `json:"served"`        // whose answer the caller got

	Primary ArmResult `json:"primary,omitzero"`
	Relay   ArmResult `json:"relay,omitzero"`

	// Checked says that both answers were usable and their contents were
	// compared; the fields below it mean nothing without it.
	Checked bool `json:"checked,omitempty"`
	// TextEqual: the same text but for white space and the encoding of accents.
	TextEqual bool `json:"text_equal,omitempty"`
	// Similarity is the Jaccard index of the two texts' sets of words, in
	// [0,1]: fast enough for every pair. For embeddings it is the cosine,
	// clipped to [0,1].
	Similarity float64 `json:"similarity,omitempty"`
	// DiffSimilarity is the share of words that a word-level diff keeps, in
	// [0,1]; nil unless a word-level diff was asked for.
	DiffSimilarity *float64 `json:"diff_similarity,omitempty"`
	// ToolsEqual: the same tools called with arguments equal as JSON, in any
	// order; true when neither side called one.
	ToolsEqual bool `json:"tools_equal,omitempty"`

	// Noise is measured on pairs with a second call to the primary.
	Noise *Triple `json:"noise,omitempty"`
	// Burst says that this pair came while a burst of one-sided failures lasted
	// (see stats.Bursts), and is no evidence. Compare does not set it: the mirror
	// does, which sees the pairs in the order in which they end.
	Burst bool `json:"burst,omitempty"`

	Findings []Finding `json:"findings,omitempty"` // what the checks noticed

	// Sampled says that a sample of the pair was kept, which people can look at.
	Sampled bool `json:"sampled,omitempty"`
}

// ArmResult is one provider's side of a Result. Durations count from the start
// of this provider's own call.
type ArmResult struct {
	Called   bool           `json:"called,omitempty"`   // a call was made
	Upstream string         `json:"upstream,omitempty"` // its configured name
	Asked    string         `json:"asked,omitempty"`    // model asked of this upstream, after mapping
	Model    string         `json:"model,omitempty"`    // model as the answer names it
	Status   int            `json:"status,omitempty"`   // HTTP status; 0: no response came
	Class    exchange.Class `json:"class,omitempty"`    // "" is success
	Detail   string         `json:"detail,omitempty"`   // a short code that refines Class, such as "dial" or "eof"

	TTFB  millis.Duration `json:"ttfb_ms,omitempty"`    // until the response header
	TTFT  millis.Duration `json:"ttft_ms,omitempty"`    // until the first content
	Total millis.Duration `json:"total_ms,omitempty"`   // until the end of the response
	Gap   millis.Duration `json:"gap_max_ms,omitempty"` // longest silence between content events

	Streamed bool  `json:"streamed,omitempty"` // the response was a stream
	Bytes    int64 `json:"bytes,omitempty"`    // size of the body as it came, still encoded
	Events   int   `json:"events,omitempty"`   // number of server-sent events

	UsageKnown   bool `json:"usage_known,omitempty"`   // the response says what it used
	InputTokens  int  `json:"input_tokens,omitempty"`  // as the provider counts them
	OutputTokens int  `json:"output_tokens,omitempty"` // as the provider counts them
	// CountedTokens is what an independent count finds in the text; 0: not
	// counted.
	CountedTokens int `json:"counted_tokens,omitempty"`
	// TokensPerByte is how many output tokens were counted for each byte of
	// text; 0 when it can't be told.
	TokensPerByte float64 `json:"tokens_per_byte,omitempty"`

	FinishReason string `json:"finish_reason,omitempty"` // in the provider's words: "stop", "end_turn", ...
	TextBytes    int    `json:"text_bytes,omitempty"`    // size of the text
	ToolCalls    int    `json:"tool_calls,omitempty"`    // how many

	CostKnown bool    `json:"cost_known,omitempty"` // usage and prices are known
	CostUSD   float64 `json:"cost_usd,omitempty"`   // of this call, in dollars

	// JSONAsked: the answer's text had to be JSON.
	JSONAsked bool `json:"json_asked,omitempty"`
	// Traits are the codes of what was noticed about this answer by itself,
	// also where the other side's has it too and it is no finding.
	Traits []string `json:"traits,omitempty"`
}

// Answered reports whether the call brought an answer: a status, be it an
// error's.
func (a ArmResult) Answered() bool { return a.Called && a.Status != 0 }

// OK reports whether the answer was a success that a caller could use.
func (a ArmResult) OK() bool { return a.Called && a.Class == exchange.ClassNone }

// Failed reports whether a call was made and failed for a reason that is the
// provider's: a caller who went away is no failure, nor is a call that cutover
// itself did not send.
func (a ArmResult) Failed() bool {
	return a.Called && !a.OK() && a.Class != exchange.ClassAborted && a.Class != exchange.ClassNotSent
}

// TokensPerSecond is the rate of a stream after its first token; 0 when it
// can't be told.
func (a ArmResult) TokensPerSecond() float64 {
	d := a.Total - a.TTFT
	if !a.Streamed || !a.UsageKnown || a.OutputTokens < 2 || a.TTFT <= 0 || d <= 0 {
		return 0
	}
	return float64(a.OutputTokens-1) / d.Seconds()
}

// Arm returns the side of one provider.
func (r *Result) Arm(a exchange.Arm) *ArmResult {
	if a == exchange.Relay {
		return &r.Relay
	}
	return &r.Primary
}

// Worst returns the highest severity among the findings; Info without any.
func (r *Result) Worst() Severity {
	worst := Info
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	return worst
}

// faulty reports whether one side has a hard fault that the other has not.
func (r *Result) faulty(arm string) bool {
	for _, f := range r.Findings {
		if f.Arm == arm && hardFault(f.Code) {
			return true
		}
	}
	return false
}

// Has reports whether there is a finding with the code.
func (r *Result) Has(code string) bool {
	for _, f := range r.Findings {
		if f.Code == code {
			return true
		}
	}
	return false
}

// label makes a name fit for logs, metrics and reports.
func label(s string) string { return exchange.Label(s) }
