package main

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The upstreams' responses depend only on the request, so that the load generator
// knows every byte that it must get.

// variants is the number of different texts; a caller's number selects one.
const variants = 16

// job is what a request asks the upstream for. It is encoded in the model's name,
// which reaches the relay through any mirror.
type job struct {
	model  string
	caller int
	stream bool
	hold   bool          // the stream stays open until the caller disconnects
	chunks int           // of the stream, without [DONE]
	gap    time.Duration // between two chunks
}

const (
	modelJSON   = "bench-json"
	modelHold   = "bench-hold"
	modelStream = "bench-stream"
)

// streamModel names the model that responds with a stream.
func streamModel(chunks int, gap time.Duration) string {
	return fmt.Sprintf("%s-%d-%d", modelStream, chunks, gap.Microseconds())
}

// parseJob reads a request body created by this tool.
func parseJob(body []byte) (job, error) {
	j := job{model: field(body, `"model":"`)}
	j.caller, _ = strconv.Atoi(field(body, `"user":"caller-`))
	switch rest, isStream := strings.CutPrefix(j.model, modelStream+"-"); {
	case j.model == modelJSON:
	case j.model == modelHold:
		j.stream, j.hold = true, true
	case isStream:
		var micros int64
		if _, err := fmt.Sscanf(rest, "%d-%d", &j.chunks, &micros); err != nil {
			return j, fmt.Errorf("model %q: expected %s-CHUNKS-MICROSECONDS", j.model, modelStream)
		}
		j.stream, j.gap = true, time.Duration(micros)*time.Microsecond
	default:
		return j, fmt.Errorf("model %q is unknown to this upstream", j.model)
	}
	return j, nil
}

// field is the text between prefix and the next quotation mark.
func field(body []byte, prefix string) string {
	_, after, found := bytes.Cut(body, []byte(prefix))
	if !found {
		return ""
	}
	value, _, _ := bytes.Cut(after, []byte{'"'})
	return string(value)
}

// words is the text of the responses.
const words = "the river carries small stones down from hills where rain has fallen since morning and people in " +
	"our town measure its height at every bridge because a slow rise tells them more than any single flood " +
	"while careful notes of past years show which fields stay dry when others turn into shallow lakes"

// text is n words that depend on arm and variant. The relay's text is nearly the same
// as the primary's: every ninth word differs.
func text(arm string, variant, n int) []string {
	all := strings.Fields(words)
	out := make([]string, n)
	at := uint32(variant)*2654435761 + 12345
	for i := range out {
		at = at*1664525 + 1013904223
		w := all[int(at>>16)%len(all)]
		if arm == armRelay && i%9 == 4 {
			w = all[int(at>>8)%len(all)]
		}
		if i%11 == 10 {
			w += "."
		}
		out[i] = w
	}
	return out
}

// wordsOfJSON makes the response about 1 KB long.
const wordsOfJSON = 112

// jsonResponse is a whole chat completion.
func jsonResponse(arm string, j job) []byte {
	said := strings.Join(text(arm, j.caller%variants, wordsOfJSON), " ")
	return fmt.Appendf(nil, `{"id":"chatcmpl-bench%04d","object":"chat.completion","created":1760000000,"model":"%s",`+
		`"choices":[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null,"annotations":[]},`+
		`"logprobs":null,"finish_reason":"stop"}],`+
		`"usage":{"prompt_tokens":96,"completion_tokens":%d,"total_tokens":%d},"service_tier":"default","system_fingerprint":"fp_bench"}`,
		j.caller%variants, j.model, said, wordsOfJSON, 96+wordsOfJSON)
}

// chunkSize is the length of one event of a stream in bytes.
const chunkSize = 250

// streamResponse is a stream's events: j.chunks chunks, then [DONE].
func streamResponse(arm string, j job) [][]byte {
	n := max(j.chunks, 4)
	said := text(arm, j.caller%variants, n)
	events := make([][]byte, 0, n+1)
	for i := range n {
		switch i {
		case 0:
			events = append(events, chunk(j,
				`[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null`))
		case n - 2:
			events = append(events, chunk(j, `[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null`))
		case n - 1:
			events = append(
				events,
				chunk(j, fmt.Sprintf(`[],"usage":{"prompt_tokens":96,"completion_tokens":%d,"total_tokens":%d}`, n-3, 93+n)),
			)
		default:
			events = append(events, chunk(j, fmt.Sprintf(
				`[{"index":0,"delta":{"content":" %s"},"logprobs":null,"finish_reason":null}],"usage":null`, said[i])))
		}
	}
	return append(events, []byte("data: [DONE]\n\n"))
}

// chunk is one event, padded to chunkSize as OpenAI does.
func chunk(j job, choices string) []byte {
	e := fmt.Appendf(nil, `data: {"id":"chatcmpl-bench%04d","object":"chat.completion.chunk","created":1760000000,`+
		`"model":"%s","choices":%s,"obfuscation":"`,
		j.caller%variants, j.model, choices)
	const end = "\"}\n\n"
	if missing := chunkSize - len(e) - len(end); missing > 0 {
		e = append(e, strings.Repeat("x", missing)...)
	}
	return append(e, end...)
}
