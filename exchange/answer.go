package exchange

import (
	"slices"
	"unicode/utf8"
)

// Bounds of what is kept of one answer, in bytes or entries.
const (
	textLimit  = 1 << 20 // visible text; refusals and tool arguments together have as much
	callLimit  = 128     // tool calls
	shortLimit = 256     // ids, names of models and tools
)

// answer gathers what one answer says, event by event or in one body. The
// decoders of the dialects are its methods.
type answer struct {
	x       *Exchange
	dialect Dialect
	keep    bool // text, arguments and vectors are wanted

	text, refusal []byte
	calls         []call
	frame         frame // of a streamed chat's chunks
	order         eventOrder
	side          int // bytes kept in refusal and arguments

	output   bool // the event at hand carried model output
	spoke    bool // some event did
	shaped   bool // what the dialect promises was there: choices, content, output, ...
	hollow   bool // it was there and empty, where one thing is due
	done     bool // the dialect's last word was said
	failed   bool // an error came inside a success
	inputs   [3]int
	streamed bool
}

// call is a tool call under construction.
type call struct {
	index    int // as the stream numbers it
	id, name string
	args     []byte
}

// fault notes what is wrong with the answer's form, once.
func (a *answer) fault(code string) {
	if !slices.Contains(a.x.Faults, code) {
		a.x.Faults = append(a.x.Faults, code)
	}
}

// check notes what a scanner that has walked a whole text has found.
func (a *answer) check(s *scanner) (valid bool) {
	valid = s.whole()
	if !valid {
		a.fault("json")
	}
	if s.notUTF8 {
		a.fault("utf8")
	}
	return valid
}

// said notes that the event at hand carries output of the model.
func (a *answer) said(v jsonString) {
	if len(v.raw) > 0 {
		a.output = true
	}
}

// addText takes in visible text of the first choice.
func (a *answer) addText(v jsonString) {
	if len(v.raw) == 0 {
		return
	}
	a.output = true
	c := &a.x.Completion
	c.TextBytes += v.size()
	if !a.keep || c.TextCut {
		return
	}
	a.text = v.appendTo(a.text)
	if len(a.text) > textLimit {
		a.text = a.text[:runeBoundary(a.text, textLimit)]
		c.TextCut = true
	}
}

// addRefusal takes in the words of a refusal.
func (a *answer) addRefusal(v jsonString) {
	a.said(v)
	if a.keep {
		a.refusal = a.addSide(a.refusal, v)
	}
}

// addSide appends to a refusal or to arguments, within their common bound.
func (a *answer) addSide(dst []byte, v jsonString) []byte {
	if len(v.raw) == 0 || a.side+len(v.raw) > textLimit {
		if len(v.raw) > 0 {
			a.fault("too-large")
		}
		return dst
	}
	n := len(dst)
	dst = v.appendTo(dst)
	a.side += len(dst) - n
	return dst
}

// callParts are the pieces of a tool call that one event brings.
type callParts struct {
	id, name, args jsonString
}

// addCall takes in a piece of the tool call that the stream numbers index. A
// second id under the same number begins a new call: some providers number
// every call 0.
func (a *answer) addCall(index int, p callParts) {
	a.said(p.name)
	a.said(p.args)
	if !a.keep {
		return
	}
	at := -1
	for i := len(a.calls) - 1; i >= 0; i-- {
		if a.calls[i].index == index {
			at = i
			break
		}
	}
	if at >= 0 && len(p.id.raw) > 0 && a.calls[at].id != "" && a.calls[at].id != p.id.short() {
		at = -1
	}
	if at < 0 {
		if len(a.calls) == callLimit {
			a.fault("too-large")
			return
		}
		a.calls = append(a.calls, call{index: index})
		at = len(a.calls) - 1
	}
	c := &a.calls[at]
	if c.id == "" {
		c.id = p.id.short()
	}
	if c.name == "" {
		c.name = p.name.short()
	}
	c.args = a.addSide(c.args, p.args)
}

// finish writes what was gathered into the Completion.
func (a *answer) finish() {
	c := &a.x.Completion
	c.Text = string(a.text)
	c.Refusal = string(a.refusal)
	if len(a.calls) > 0 {
		c.ToolCalls = make([]ToolCall, len(a.calls))
	}
	for i, k := range a.calls {
		c.ToolCalls[i] = ToolCall{ID: k.id, Name: k.name, Arguments: string(k.args)}
		if len(k.args) == 0 && a.dialect == AnthropicMessages {
			c.ToolCalls[i].Arguments = "{}" // no pieces came to replace the first
		}
	}
	a.text, a.refusal, a.calls = nil, nil, nil
}

// name sets an id or a model's name, which most events repeat, once.
func (a *answer) name(dst *string, s *scanner) {
	if *dst != "" {
		s.skip()
		return
	}
	*dst = s.str().short()
}

// short returns a copy of an id or a name; what is longer than any is cut.
func (v jsonString) short() string {
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
