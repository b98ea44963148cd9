package mock

import "github.com/tidwall/gjson"

// parseChat reads a chat/completions request.
func parseChat(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	if p := q.common(root); p != nil {
		return p
	}
	messages := root.Get("messages")
	if !messages.IsArray() || len(messages.Array()) == 0 {
		return badRequest("messages", "Missing required parameter: 'messages'.")
	}
	v := conversation{q: q}
	var wrong *problem
	messages.ForEach(func(_, m gjson.Result) bool {
		role := m.Get("role").Str
		switch role {
		case "system", "developer", "user", "assistant", "tool", "function":
			v.message(role, m.Get("content"))
			if calls := m.Get("tool_calls"); calls.Exists() {
				v.say("call", calls.Raw)
			}
			return true
		}
		wrong = badRequest(
			"messages",
			"Invalid value for a message's role. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', and 'developer'.",
		)
		return false
	})
	if wrong != nil {
		return wrong
	}
	q.keep = root.Get("store").Bool() && !q.stream
	q.includeUsage = root.Get("stream_options.include_usage").Bool()
	q.obfuscate = !isFalse(root.Get("stream_options.include_obfuscation"))
	q.stop = stops(root.Get("stop"))
	q.parallel = !isFalse(root.Get("parallel_tool_calls"))
	if p := q.limits(root, "max_completion_tokens", "max_tokens"); p != nil {
		return p
	}
	if p := q.manyChoices(root); p != nil {
		return p
	}
	if p := q.chatTools(root); p != nil {
		return p
	}
	return q.readFormat(root.Get("response_format"), "json_schema.schema", "response_format")
}

// limits reads the first of the keys that sets a token limit.
func (q *question) limits(root gjson.Result, keys ...string) *problem {
	for _, key := range keys {
		n, p := positive(root, key)
		if p != nil {
			return p
		}
		if n > 0 {
			q.maxTokens = n
			return nil
		}
	}
	return nil
}

func (q *question) manyChoices(root gjson.Result) *problem {
	n, p := positive(root, "n")
	if p != nil {
		return p
	}
	if n > 128 {
		return badRequest("n", "Invalid 'n': integer above maximum value. Expected a value <= 128.")
	}
	q.choices = max(n, 1)
	return nil
}

func isFalse(v gjson.Result) bool { return v.Type == gjson.False }

// chatTools reads tools in the shape of chat completions.
func (q *question) chatTools(root gjson.Result) *problem {
	for _, t := range root.Get("tools").Array() {
		if t.Get("type").Str != "function" {
			continue
		}
		f := t.Get("function")
		if f.Get("name").Str == "" {
			return badRequest("tools", "Missing required parameter: 'tools[0].function.name'.")
		}
		q.addTool(f.Get("name").Str, f.Get("parameters"))
	}
	return q.readChoice(root.Get("tool_choice"), "function.name")
}

func (q *question) addTool(name string, schema gjson.Result) {
	q.tools = append(q.tools, tool{name: name, schema: schema})
	q.inputTokens += toolTokens + countTokens(name) + len(schema.Raw)/5
}

// readChoice reads OpenAI's tool_choice; named is the path of a single tool's name.
func (q *question) readChoice(v gjson.Result, named string) *problem {
	switch {
	case v.Type == gjson.String && v.Str == "none":
		q.choice.mode = noChoice
	case v.Type == gjson.String && v.Str == "required":
		q.choice.mode = anyChoice
	case v.IsObject() && v.Get(named).Str != "":
		q.choice = toolChoice{mode: anyChoice, name: v.Get(named).Str}
	}
	if q.choice.mode == anyChoice && len(q.offered()) == 0 {
		return badRequest("tool_choice", "Invalid value for 'tool_choice': 'tool_choice' must name one of the 'tools'.")
	}
	return nil
}

// offered are the tools that the tool choice allows.
func (q *question) offered() []tool {
	if q.choice.name == "" {
		return q.tools
	}
	for _, t := range q.tools {
		if t.name == q.choice.name {
			return []tool{t}
		}
	}
	return nil
}

// readFormat reads response_format or text.format.
func (q *question) readFormat(v gjson.Result, schemaAt, param string) *problem {
	switch v.Get("type").Str {
	case "", "text":
	case "json_object":
		q.format.json = true
	case "json_schema":
		q.format = format{json: true, schema: v.Get(schemaAt)}
		if !q.format.schema.IsObject() {
			return badRequest(param, "Missing required parameter: '"+param+".json_schema.schema'.")
		}
	default:
		return badRequest(param+".type", "Invalid value for '"+param+".type'. Supported values are: 'text', 'json_object' and 'json_schema'.")
	}
	return nil
}

// parseCompletions reads a legacy completions request; each prompt is a choice.
func parseCompletions(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	if p := q.common(root); p != nil {
		return p
	}
	q.readInputs(root.Get("prompt"))
	if len(q.inputs) == 0 {
		q.inputs = []string{""}
	}
	v := conversation{q: q}
	for _, text := range q.inputs {
		v.say("user", text)
		v.user(text)
	}
	q.includeUsage = root.Get("stream_options.include_usage").Bool()
	q.obfuscate = false
	q.stop = stops(root.Get("stop"))
	if p := q.limits(root, "max_tokens"); p != nil {
		return p
	}
	q.maxTokens = orElse(q.maxTokens, 16) // the API's own default
	if p := q.manyChoices(root); p != nil {
		return p
	}
	q.choices *= len(q.inputs)
	if q.choices > 128 {
		return badRequest("n", "The number of prompts times 'n' must be at most 128.")
	}
	return nil
}

// readInputs reads a string, a list of strings, a list of token numbers, or a
// list of such lists.
func (q *question) readInputs(v gjson.Result) {
	add := func(text string, tokens int) {
		q.inputs = append(q.inputs, text)
		q.tokenIDs = append(q.tokenIDs, tokens)
	}
	if v.Type == gjson.String {
		add(v.Str, 0)
		return
	}
	items := v.Array()
	if !v.IsArray() || len(items) == 0 {
		return
	}
	if items[0].Type == gjson.Number {
		add(v.Raw, len(items))
		return
	}
	for _, item := range items {
		switch {
		case item.Type == gjson.String:
			add(item.Str, 0)
		case item.IsArray():
			add(item.Raw, len(item.Array()))
		default:
			add(item.Raw, 0)
		}
	}
}

// parseResponses reads a Responses request.
func parseResponses(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	if p := q.common(root); p != nil {
		return p
	}
	v := conversation{q: q}
	if s := root.Get("instructions"); s.Type == gjson.String {
		v.message("system", s)
	}
	if id := root.Get("previous_response_id").Str; id != "" {
		v.say("previous", "previous")
	}
	input := root.Get("input")
	switch {
	case input.Type == gjson.String:
		v.message("user", input)
	case input.IsArray():
		input.ForEach(func(_, item gjson.Result) bool {
			v.item(item)
			return true
		})
	case !root.Get("prompt").Exists() && !root.Get("previous_response_id").Exists() && !root.Get("conversation").Exists():
		return badRequest("input", "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided.")
	}
	q.obfuscate = !isFalse(root.Get("stream_options.include_obfuscation"))
	q.parallel = !isFalse(root.Get("parallel_tool_calls"))
	q.keep = !isFalse(root.Get("store"))
	if p := q.limits(root, "max_output_tokens"); p != nil {
		return p
	}
	for _, t := range root.Get("tools").Array() {
		if t.Get("type").Str == "function" {
			q.addTool(t.Get("name").Str, t.Get("parameters"))
		}
	}
	if p := q.readChoice(root.Get("tool_choice"), "name"); p != nil {
		return p
	}
	q.readEcho(root)
	return q.readFormat(root.Get("text.format"), "schema", "text.format")
}

// item adds one input item of the Responses API.
func (v *conversation) item(item gjson.Result) {
	switch item.Get("type").Str {
	case "", "message":
		v.message(item.Get("role").Str, item.Get("content"))
	case "function_call_output":
		v.message("tool", item.Get("output"))
	default:
		v.say("item", item.Get("name").Str+item.Get("arguments").Raw)
	}
}

// readEcho keeps the fields that the response repeats.
func (q *question) readEcho(root gjson.Result) {
	q.echo = make(map[string]any)
	for _, key := range []string{"instructions", "metadata", "temperature", "top_p", "tool_choice", "tools", "text", "user",
		"max_output_tokens", "max_tool_calls", "previous_response_id", "reasoning", "truncation", "parallel_tool_calls",
		"safety_identifier", "prompt_cache_key", "top_logprobs", "background"} {
		if v := root.Get(key); v.Exists() {
			q.echo[key] = v.Value()
		}
	}
}

// parseEmbeddings reads an embeddings request.
func parseEmbeddings(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	if p := q.common(root); p != nil {
		return p
	}
	q.stream = false
	q.readInputs(root.Get("input"))
	if len(q.inputs) == 0 {
		return badRequest("input", "'$.input' is invalid. Please check the API reference.")
	}
	if len(q.inputs) > 2048 {
		return badRequest("input", "'$.input' is invalid: at most 2048 inputs are allowed.")
	}
	for i, text := range q.inputs {
		q.inputTokens += orElse(q.tokenIDs[i], countTokens(text))
	}
	n, p := positive(root, "dimensions")
	if p != nil {
		return p
	}
	if n > maxDimensions {
		return badRequest("dimensions", "Invalid value for 'dimensions': must be at most "+itoa(maxDimensions)+".")
	}
	q.dimensions = n
	switch f := root.Get("encoding_format").Str; f {
	case "", "float":
	case "base64":
		q.base64 = true
	default:
		return badRequest("encoding_format", "Invalid value for 'encoding_format': must be 'float' or 'base64'.")
	}
	return nil
}

// parseModerations reads a moderations request, whose model is optional.
func parseModerations(q *question, body []byte) *problem {
	root := gjson.ParseBytes(body)
	q.model = orElse(root.Get("model").Str, "omni-moderation-latest")
	input := root.Get("input")
	if input.IsArray() && input.Get("0.type").Exists() { // one input of several parts
		v := conversation{q: q}
		v.message("user", input)
		q.inputs = []string{q.prompt}
		return nil
	}
	q.readInputs(input)
	if len(q.inputs) == 0 {
		return badRequest("input", "Missing required parameter: 'input'.")
	}
	return nil
}
