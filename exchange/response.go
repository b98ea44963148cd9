package exchange

import (
	"math/bits"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of one response, in bytes or entries.
const (
	textLimit     = 1 << 20 // visible text; refusals and tool arguments together have as much
	toolCallLimit = 128
	shortLimit    = 256 // ids, names of models and tools
)

// response gathers what one response contains, event by event or from one
// body. The readers of the dialects are its methods.
type response struct {
	x        *Exchange
	spec     *DialectSpec
	keepText bool // text, arguments and vectors are wanted

	text, refusal []byte
	toolCalls     []openToolCall
	frame         frame // of a streamed chat's chunks
	order         eventOrder
	sideBytes     int // kept in refusal and arguments

	hasOutput   bool   // the current event carried model output
	hadOutput   bool   // an earlier event did
	wellFormed  bool   // what the dialect promises was there: choices, content, output, ...
	empty       bool   // it was there and empty, where one thing is due
	done        bool   // the event that ends the stream was seen
	failed      bool   // an error came inside a success
	finished    uint64 // choices that have a known finish reason, a bit for each
	inputCounts [3]int
	streamed    bool
}

// openToolCall is a tool call under construction.
type openToolCall struct {
	index    int // as the stream numbers it
	id, name string
	args     []byte
}

// addFault notes a defect in the response's form, once.
func (r *response) addFault(code string) {
	if !slices.Contains(r.x.Faults, code) {
		r.x.Faults = append(r.x.Faults, code)
	}
}

// checkSyntax notes what a scanner that has walked a whole text has found.
func (r *response) checkSyntax(s *scanner) (valid bool) {
	valid = s.whole()
	if !valid {
		r.addFault("json")
	}
	if s.notUTF8 {
		r.addFault("utf8")
	}
	return valid
}

// noteOutput notes that the current event carries output of the model, if v is
// not empty.
func (r *response) noteOutput(v jsonString) {
	if len(v.raw) > 0 {
		r.hasOutput = true
	}
}

// addText adds visible text of the first choice.
func (r *response) addText(v jsonString) {
	if len(v.raw) == 0 {
		return
	}
	r.hasOutput = true
	c := &r.x.Completion
	c.TextBytes += v.size()
	if !r.keepText || c.TextCut {
		return
	}
	r.text = v.appendTo(r.text)
	if len(r.text) > textLimit {
		r.text = r.text[:runeBoundary(r.text, textLimit)]
		c.TextCut = true
	}
}

// addRefusal adds text of a refusal.
func (r *response) addRefusal(v jsonString) {
	r.noteOutput(v)
	if r.keepText {
		r.refusal = r.appendSide(r.refusal, v)
	}
}

// appendSide appends to a refusal or to arguments, within their common bound.
func (r *response) appendSide(dst []byte, v jsonString) []byte {
	if len(v.raw) == 0 || r.sideBytes+len(v.raw) > textLimit {
		if len(v.raw) > 0 {
			r.addFault("too_large")
		}
		return dst
	}
	n := len(dst)
	dst = v.appendTo(dst)
	r.sideBytes += len(dst) - n
	return dst
}

// toolCallPiece is what one event holds of a tool call.
type toolCallPiece struct {
	id, name, args jsonString
}

// addToolCall adds a piece of the tool call that the stream numbers index. A
// second id under the same number begins a new call: some providers number
// every call 0.
func (r *response) addToolCall(index int, p toolCallPiece) {
	r.noteOutput(p.name)
	r.noteOutput(p.args)
	if !r.keepText {
		return
	}
	at := -1
	for i := len(r.toolCalls) - 1; i >= 0; i-- {
		if r.toolCalls[i].index == index {
			at = i
			break
		}
	}
	if at >= 0 && len(p.id.raw) > 0 && r.toolCalls[at].id != "" && r.toolCalls[at].id != p.id.truncated() {
		at = -1
	}
	if at < 0 {
		if len(r.toolCalls) == toolCallLimit {
			r.addFault("too_large")
			return
		}
		r.toolCalls = append(r.toolCalls, openToolCall{index: index})
		at = len(r.toolCalls) - 1
	}
	c := &r.toolCalls[at]
	if c.id == "" {
		c.id = p.id.truncated()
	}
	if c.name == "" {
		c.name = p.name.truncated()
	}
	c.args = r.appendSide(c.args, p.args)
}

// toolCallAt returns the tool call that the stream numbers index; nil if none
// has begun.
func (r *response) toolCallAt(index int) *openToolCall {
	for i := range r.toolCalls {
		if r.toolCalls[i].index == index {
			return &r.toolCalls[i]
		}
	}
	return nil
}

// writeCompletion writes what was gathered into the Completion.
func (r *response) writeCompletion() {
	c := &r.x.Completion
	c.Text = string(r.text)
	c.Refusal = string(r.refusal)
	if len(r.toolCalls) > 0 {
		c.ToolCalls = make([]ToolCall, len(r.toolCalls))
	}
	for i, call := range r.toolCalls {
		c.ToolCalls[i] = ToolCall{ID: call.id, Name: call.name, Arguments: string(call.args)}
		if len(call.args) == 0 {
			c.ToolCalls[i].Arguments = r.spec.noArguments
		}
	}
	r.text, r.refusal, r.toolCalls = nil, nil, nil
}

// finishReason is why the model stopped, in the provider's words.
func (r *response) finishReason(v jsonString) string {
	for _, usual := range r.spec.finishReasons {
		if string(v.raw) == usual {
			return usual
		}
	}
	return v.identifier()
}

// finish takes a choice's finish reason, if it is one: some servers write "null" as
// a word. Only one that is known ends the choice; the first choice's is kept.
func (r *response) finish(choice int, v jsonString) {
	if len(v.raw) == 0 || isNull(v.raw) {
		return
	}
	reason := r.finishReason(v)
	if choice == 0 {
		r.x.Completion.FinishReason = reason
	}
	if knownFinish(reason) {
		r.finished |= 1 << min(choice, 63)
	} else {
		r.addFault("finish_reason")
	}
}

// allFinished reports whether every choice, of at least so many, has ended.
func (r *response) allFinished(choices int) bool {
	choices = max(choices, r.x.Completion.Choices, 1)
	return bits.OnesCount64(r.finished) >= min(choices, 64)
}

func isNull(word []byte) bool {
	switch string(word) {
	case "null", "none", "None", "NULL", "undefined":
		return true
	}
	return false
}

// finishReasons are those of every dialect, and of servers that speak a dialect in
// words of their own: relays translate one into another, and not always this word.
var finishReasons = [...]string{
	"stop", "tool_calls", "length", "content_filter", "function_call",
	"end_turn", "tool_use", "max_tokens", "stop_sequence", "pause_turn", "refusal", "model_context_window_exceeded",
	"completed", "incomplete", "max_output_tokens",
	"complete", "eos", "eos_token", "stop_token", "stop_str", "max_length", "model_length", "compaction",
	"insufficient_system_resource", "sensitive", "safety", "recitation", "blocklist", "prohibited_content", "spii",
	"language", "malformed_function_call", "guardrail_intervened", "content_filtered",
}

func knownFinish(reason string) bool {
	for _, known := range finishReasons {
		if strings.EqualFold(known, reason) {
			return true
		}
	}
	return false
}

// setOnce consumes an id or a model's name, which most events repeat, and
// stores the first.
func (r *response) setOnce(dst *string, s *scanner) {
	if *dst != "" {
		s.skip()
		return
	}
	*dst = s.str().truncated()
}

// truncated returns a copy of an id or a name, cut to the length of any real one.
func (v jsonString) truncated() string {
	if len(v.raw) == 0 {
		return ""
	}
	if v.escaped || len(v.raw) > shortLimit {
		b := v.appendTo(nil)
		return string(b[:runeBoundary(b, shortLimit)])
	}
	return string(v.raw)
}

// runeBoundary returns the largest n <= limit at which b can be cut.
func runeBoundary(b []byte, limit int) int {
	if len(b) <= limit {
		return len(b)
	}
	for limit > 0 && !utf8.RuneStart(b[limit]) {
		limit--
	}
	return limit
}
