package exchange

import "bytes"

// What binds a request to the provider that it was made for: it names something
// kept there, asks that provider to run a tool, or contains what only its maker
// can read. The members that say so are each dialect's own; the types of tools
// and of content parts are read here, whichever dialect they come from.

// mark notes why the body can't be sent to another provider. The first reason
// in the body counts.
func (in *inspection) mark(reason string) {
	in.facts.OnlyTools = false
	if in.facts.Stateful == "" {
		in.facts.Stateful = reason
	}
}

// markTool notes that the request offers a tool that the provider runs.
func (in *inspection) markTool(name string) {
	in.facts.HostedTools.add(name)
	if in.facts.Stateful == "" {
		in.facts.Stateful, in.facts.OnlyTools = name, true
	}
}

// markOther notes what a member that no dialect knows says: a rule for whatever
// names something that a provider keeps. Its name says so (previous_..., thread,
// ..._id), and its value is an id, or an object with one, as providers write them.
func (in *inspection) markOther(key []byte) {
	s := &in.s
	if !bytes.HasPrefix(key, []byte("previous_")) && string(key) != "thread" && !bytes.HasSuffix(key, []byte("_id")) {
		s.skip()
		return
	}
	var id jsonString
	if s.peek() != '{' {
		id = s.str()
	} else {
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			if string(key) == "id" {
				id = s.str()
			} else {
				s.skip()
			}
		}
	}
	in.markIf(isObjectID(id.raw), "object_id")
}

// isObjectID reports whether a text looks like an id that a provider made: what it
// names, a separator and at least eight letters or digits, as in thread_abc123de
// and file-AbC123xyz. Callers' own ids may look like anything else.
func isObjectID(text []byte) bool {
	i := bytes.IndexAny(text, "_-")
	if i < 0 || len(text)-i-1 < 8 || len(text) > 200 {
		return false
	}
	switch string(text[:i]) {
	case "file", "msg", "resp", "thread", "asst", "run", "step", "conv", "cntr", "container", "vs", "batch", "msgbatch",
		"upload", "ftjob", "skill", "item", "rs", "fc", "mem", "memstore", "agent", "env", "sesn", "chatcmpl":
	default:
		return false
	}
	for _, c := range text[i+1:] {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func (in *inspection) markIf(yes bool, reason string) {
	if yes {
		in.mark(reason)
	}
}

// tools walks the list of tools that the request offers.
func (in *inspection) tools() {
	s := &in.s
	for more := s.array(); more; more = s.nextItem() {
		in.facts.Tools = true
		var kind, environment, execution jsonString
		for key, ok := s.object(); ok; key, ok = s.nextKey() {
			switch string(key) {
			case "type":
				kind = s.str()
			case "execution":
				execution = s.str()
			case "environment":
				for key, ok := s.object(); ok; key, ok = s.nextKey() {
					if string(key) == "type" {
						environment = s.str()
					} else {
						s.skip()
					}
				}
			default:
				s.skip()
			}
		}
		switch {
		case string(kind.raw) == "tool_search" && string(execution.raw) == "client":
		case string(kind.raw) == "shell":
			if bytes.HasPrefix(environment.raw, []byte("container")) {
				in.markTool("container")
			}
		default:
			if reason := toolReason(kind.raw); reason != "" {
				in.markTool(reason)
			}
		}
	}
}

// toolReason says which tool run by the provider a type belongs to, whether it
// is the type of a tool ("web_search_20250305"), of a call ("web_search_call")
// or of a result; "" for tools that the caller runs. Types carry dates and
// "preview", so only their beginning counts. Computer use counts as run by the provider: the
// caller acts, but on a protocol that only this provider's model speaks.
func toolReason(kind []byte) string {
	for _, t := range [...]struct{ prefix, reason string }{
		{"function", ""},
		{"custom", ""},
		{"namespace", ""},
		{"shell", ""},
		{"local_shell", ""},
		{"apply_patch", ""},
		{"memory_", ""},
		{"web_search", "web_search"},
		{"web_fetch", "web_fetch"},
		{"file_search", "file_search"},
		{"code_interpreter", "code_interpreter"},
		{"code_execution", "code_execution"},
		{"bash_code_execution", "code_execution"},
		{"text_editor_code_execution", "code_execution"},
		{"program", "code_execution"},
		{"bash_", ""},
		{"text_editor_", ""},
		{"computer", "computer_use"},
		{"mcp", "mcp"},
		{"image_generation", "image_generation"},
		{"tool_search", "tool_search"},
	} {
		if len(kind) >= len(t.prefix) && string(kind[:len(t.prefix)]) == t.prefix {
			return t.reason
		}
	}
	if len(kind) == 0 {
		return ""
	}
	return "provider_tool"
}

// system reads a system prompt.
func (in *inspection) system() {
	in.s.odd = false
	if v := in.s.span(); in.wantKey {
		in.caller.system.addContent(v, in.s.odd)
	}
}

// opening reads a whole conversation in one string.
func (in *inspection) opening() {
	in.s.odd = false
	if v := in.s.span(); in.wantKey {
		in.caller.first.addContent(v, in.s.odd)
	}
}

// messages walks a list of messages, or of a response's input items.
func (in *inspection) messages() {
	for more := in.s.array(); more; more = in.s.nextItem() {
		in.message()
	}
	if in.wantKey {
		in.caller.endMessages()
	}
}

// itemKind is what an item in the list of messages says besides its content.
type itemKind struct {
	kind                   []byte // its type
	hasID, hasRole, sealed bool   // sealed: it has encrypted content
}

func (in *inspection) message() {
	s := &in.s
	var role, kind, id jsonString
	var content []byte
	sealed, odd := false, false
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "role":
			role = s.str()
		case "type":
			kind = s.str()
		case "id":
			id = s.str()
		case "content":
			s.peek()
			from := s.i
			s.odd = false
			in.parts(0)
			content, odd = s.b[from:s.i], s.odd
		case "output":
			in.parts(0)
		case "encrypted_content":
			sealed = s.set()
			in.markIf(sealed, "encrypted_content")
		default:
			if in.spec.readMessageMember == nil || !in.spec.readMessageMember(in, key) {
				s.skip()
			}
		}
	}
	if in.spec.judgeItem != nil {
		in.spec.judgeItem(in, itemKind{kind.raw, len(id.raw) > 0, len(role.raw) > 0, sealed})
	}
	if in.wantKey && !s.bad {
		in.caller.addMessage(role.raw, content, odd)
	}
}

// partDepth bounds how deep content is read: the result of a tool holds parts,
// and so does the source of a document.
const partDepth = 4

// parts walks the content of a message: a string, or a list of parts.
func (in *inspection) parts(depth int) {
	s := &in.s
	if depth == partDepth || s.peek() != '[' {
		s.skip()
		return
	}
	for more := s.array(); more; more = s.nextItem() {
		in.part(depth)
	}
}

func (in *inspection) part(depth int) {
	s := &in.s
	var kind jsonString
	signed := false
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "type":
			kind = s.str()
		case "file_id":
			in.markIf(len(s.str().raw) > 0, "file_id")
		case "signature":
			signed = len(s.str().raw) > 0
		case "encrypted_content":
			in.markIf(s.set(), "encrypted_content")
		case "content":
			in.parts(depth + 1)
		case "source", "file":
			in.source(depth)
		default:
			s.skip()
		}
	}
	switch k := kind.raw; {
	case signed && string(k) == "thinking":
		in.mark("signature")
	case string(k) == "redacted_thinking":
		in.mark("redacted_thinking")
	case string(k) == "server_tool_use", bytes.HasSuffix(k, []byte("_tool_result")):
		in.mark("server_tool")
	case bytes.HasPrefix(k, []byte("mcp_")):
		in.mark("mcp")
	}
}

// source walks where a part's bytes come from.
func (in *inspection) source(depth int) {
	s := &in.s
	for key, ok := s.object(); ok; key, ok = s.nextKey() {
		switch string(key) {
		case "file_id":
			in.markIf(len(s.str().raw) > 0, "file_id")
		case "content":
			in.parts(depth + 1)
		default:
			s.skip()
		}
	}
}
