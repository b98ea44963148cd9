package mock

import (
	"encoding/json"
	"math"

	"github.com/tidwall/gjson"
)

// question is a parsed inference request, independent of the dialect. It is shared
// between requests with the same body and never modified after parsing.
type question struct {
	problem *problem // what is wrong with the request; the rest is unset then
	hash    uint64   // of the body
	model   string   // asked for
	served  string   // the model that responds: aliases resolved

	stream       bool
	includeUsage bool
	obfuscate    bool // stream_options.include_obfuscation, true unless switched off

	says        uint64 // hash of the whole conversation, without the settings around it
	prompt      string // text of the last user message, bounded
	inputTokens int
	maxTokens   int // 0: no limit
	choices     int
	stop        []string
	sampling    bool // temperature, top_p or top_k are set

	tools       []tool
	choice      toolChoice
	parallel    bool
	talks       bool     // a text may come before the calls
	thinks      bool     // the model's thinking is requested
	signed      []string // signatures of the thinking that comes back
	toolResults bool     // the last message has the results of tool calls

	format format

	inputs     []string // of embeddings and moderations
	tokenIDs   []int    // tokens of each input that came as token numbers
	dimensions int
	base64     bool

	echo map[string]any // fields that the Responses API repeats in its response
	keep bool           // store the response (Responses)
}

// tool is one function that the model may call.
type tool struct {
	name   string
	schema gjson.Result // JSON schema of its arguments
}

// toolChoice says whether tools must, may or must not be called.
type toolChoice struct {
	mode choiceMode
	name string // of the only tool allowed
}

type choiceMode uint8

const (
	autoChoice choiceMode = iota
	noChoice
	anyChoice // at least one
)

// format is the required form of the reply.
type format struct {
	json   bool
	schema gjson.Result // the zero Result: any object
}

// maxPrompt bounds how much of the last message is kept for topic words.
const maxPrompt = 4 << 10

// parseBody checks that the body is one JSON object and parses it.
func parseBody(body []byte, parse func(*question, []byte) *problem, q *question) *problem {
	if !json.Valid(body) {
		return badRequest(
			"",
			"We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly.)",
		)
	}
	if !gjson.ParseBytes(body).IsObject() {
		return badRequest("", "The JSON body of the request must be an object.")
	}
	q.choices, q.obfuscate, q.parallel = 1, true, true
	return parse(q, body)
}

// conversation gathers what all the messages say.
type conversation struct {
	q      *question
	hashed dice
}

// say adds a text to the conversation.
func (v *conversation) say(role, text string) {
	v.hashed = throw(uint64(v.hashed), hashText(role), hashText(text))
	v.q.says = uint64(v.hashed)
	v.q.inputTokens += countTokens(text)
}

// user remembers the text of a user's message as the prompt.
func (v *conversation) user(text string) {
	if len(text) > maxPrompt {
		text = text[:maxPrompt]
	}
	v.q.prompt = text
}

// message adds a message whose content is a string or a list of parts, in any
// dialect.
func (v *conversation) message(role string, content gjson.Result) {
	v.q.inputTokens += messageTokens
	text := ""
	switch {
	case content.Type == gjson.String:
		text = content.Str
		v.say(role, text)
	case content.IsArray():
		content.ForEach(func(_, part gjson.Result) bool {
			text += v.part(role, part)
			return true
		})
	}
	switch role {
	case "user":
		v.q.toolResults = text == "" && content.Get(`#(type=="tool_result")`).Exists()
		if text != "" {
			v.user(text)
		}
	case "tool", "function":
		v.q.toolResults = true
	default:
		v.q.toolResults = false
	}
}

// Tokens of content other than text, approximately as the providers count them.
const (
	messageTokens = 4
	imageTokens   = 765
	fileTokens    = 1200
	toolTokens    = 8
)

// part adds one part of a message and returns its text.
func (v *conversation) part(role string, part gjson.Result) string {
	switch kind := part.Get("type").Str; kind {
	case "text", "input_text", "output_text", "refusal":
		text := part.Get("text").Str
		v.say(role, text)
		return text
	case "tool_result":
		v.message("tool", part.Get("content"))
	case "image_url", "input_image", "image":
		v.say(role, kind)
		v.q.inputTokens += imageTokens
	case "":
	default:
		v.say(kind, part.Raw)
		if kind != "tool_use" && kind != "thinking" {
			v.q.inputTokens += min(fileTokens, len(part.Raw)/4)
		}
	}
	return ""
}

// positive reads an optional whole number of at least 1; 0 when absent.
func positive(root gjson.Result, key string) (int, *problem) {
	v := root.Get(key)
	if !v.Exists() || v.Type == gjson.Null {
		return 0, nil
	}
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) {
		return 0, badRequest(key, "Invalid type for '"+key+"': expected an integer.")
	}
	if v.Num < 1 {
		return 0, badRequest(key, "Invalid '"+key+"': integer below minimum value. Expected a value >= 1.")
	}
	return int(min(v.Num, math.MaxInt32)), nil
}

// common reads the fields that all dialects share.
func (q *question) common(root gjson.Result) *problem {
	model := root.Get("model")
	if model.Type != gjson.String || model.Str == "" {
		return badRequest("model", "you must provide a model parameter")
	}
	q.model = model.Str
	if s := root.Get("stream"); s.Exists() && !s.IsBool() && s.Type != gjson.Null {
		return badRequest("stream", "Invalid type for 'stream': expected a boolean.")
	}
	q.stream = root.Get("stream").Bool()
	for _, key := range []string{"temperature", "top_p", "top_k"} {
		v := root.Get(key)
		if !v.Exists() || v.Type == gjson.Null {
			continue
		}
		if v.Type != gjson.Number {
			return badRequest(key, "Invalid type for '"+key+"': expected a number.")
		}
		q.sampling = true
	}
	if t := root.Get("temperature").Num; t < 0 || t > 2 {
		return badRequest("temperature", "Invalid 'temperature': must be from 0 to 2.")
	}
	return nil
}

// stops reads stop sequences: a string or a list of them.
func stops(v gjson.Result) []string {
	if v.Type == gjson.String && v.Str != "" {
		return []string{v.Str}
	}
	var list []string
	for _, s := range v.Array() {
		if s.Type == gjson.String && s.Str != "" {
			list = append(list, s.Str)
		}
	}
	return list
}
