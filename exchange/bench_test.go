package exchange

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// chatChunk is a chunk as OpenAI sends it, obfuscation included: 286 bytes.
const chatChunk = `data: {"id":"chatcmpl-CYBwjVbQgL0qDkZ8YyDUYoFzZYkZC","object":"chat.completion.chunk","created":1762273913,` +
	`"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_560af6e559","choices":[{"index":0,"delta":` +
	`{"content":" token"},"logprobs":null,"finish_reason":null}],"obfuscation":"x3Kf9dLq2a"}` + "\n\n"

const messagesChunk = "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":" +
	"\"text_delta\",\"text\":\" token\"}      }\n\n"

const responsesChunk = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":" +
	"\"msg_67c9fdcf37fc8190ba82116e33fb28c501b8b0ad29eb46cb\",\"output_index\":0,\"content_index\":0,\"delta\":\" token\",\"logprobs\":" +
	"[],\"sequence_number\":17,\"obfuscation\":\"kd83Jd0a\"}\n\n"

func BenchmarkRecorderChunk(b *testing.B) {
	for _, c := range []struct{ name, path, chunk string }{
		{"chat", "/v1/chat/completions", chatChunk},
		{"messages", "/v1/messages", messagesChunk},
		{"responses", "/v1/responses", responsesChunk},
	} {
		for _, keep := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/keep=%v", c.name, keep), func(b *testing.B) {
				r := eventRecorder(c.path, keep)
				chunk := []byte(c.chunk)
				at := r.x.Started
				b.SetBytes(int64(len(chunk)))
				b.ReportAllocs()
				for b.Loop() {
					at = at.Add(time.Millisecond)
					r.Write(chunk, at)
				}
				// The same chunk again and again is out of order where chunks are numbered.
				x := r.End(ClassAborted, "", at)
				x.Faults = slices.DeleteFunc(x.Faults, func(f string) bool { return f == "order" })
				if len(x.Faults) > 0 || x.Completion.TextBytes == 0 {
					b.Fatalf("faults %v, %d bytes of text", x.Faults, x.Completion.TextBytes)
				}
			})
		}
	}
}

func eventRecorder(path string, keep bool) *Recorder {
	started := time.Now()
	r := NewRecorder(Asked{Endpoint: Lookup("POST", path)}, Primary, "bench", started, RecorderOptions{KeepText: keep})
	r.Header(200, http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}, started)
	return r
}

// BenchmarkRecorderSplitChunk writes every chunk in two pieces, so that the
// unfinished event must be kept in between.
func BenchmarkRecorderSplitChunk(b *testing.B) {
	r := eventRecorder("/v1/chat/completions", false)
	one, two := []byte(chatChunk[:100]), []byte(chatChunk[100:])
	at := r.x.Started
	b.ReportAllocs()
	for b.Loop() {
		r.Write(one, at)
		r.Write(two, at)
	}
}

func BenchmarkRecorderJSON(b *testing.B) {
	body := []byte(`{"id":"chatcmpl-1","object":"chat.completion","created":1762273913,"model":"gpt-4o-mini-2024-07-18","choices":` +
		`[{"index":0,"message":{"role":"assistant","content":` +
		mustJSON(strings.Repeat("A sentence that a model could have written, \"quoted\" now and then.\n", 24)) +
		`,"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":20,"completion_tokens":400,` +
		`"total_tokens":420,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":` +
		`0,"audio_tokens":0}},"service_tier":"default","system_fingerprint":"fp_560af6e559"}`)
	ep := Lookup("POST", "/v1/chat/completions")
	h := http.Header{"Content-Type": {"application/json"}}
	for _, keep := range []bool{false, true} {
		b.Run(fmt.Sprintf("keep=%v", keep), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			at := time.Now()
			for b.Loop() {
				r := NewRecorder(Asked{Endpoint: ep}, Primary, "bench", at, RecorderOptions{KeepText: keep})
				r.Header(200, h, at)
				r.Write(body, at)
				if x := r.End(ClassNone, "", at); x.Class != ClassNone || !x.Usage.Known {
					b.Fatalf("class %q, faults %v", x.Class, x.Faults)
				}
			}
		})
	}
}

func BenchmarkRecorderGzipStream(b *testing.B) {
	body := strings.Repeat(chatChunk, 100) + "data: [DONE]\n\n"
	coded := encode(b, "gzip", []byte(body))
	ep := Lookup("POST", "/v1/chat/completions")
	h := http.Header{"Content-Type": {"text/event-stream"}, "Content-Encoding": {"gzip"}}
	b.ReportAllocs()
	at := time.Now()
	for b.Loop() {
		r := NewRecorder(Asked{Endpoint: ep}, Primary, "bench", at, RecorderOptions{})
		r.Header(200, h, at)
		for p := range slices.Chunk(coded, 100) {
			r.Write(p, at)
		}
		if x := r.End(ClassNone, "", at); x.Class != ClassNone {
			b.Fatalf("class %q, faults %v", x.Class, x.Faults)
		}
	}
}

func mustJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func chatRequest() []byte {
	return []byte(`{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},"max_tokens":512,"temperature":0.2,` +
		`"messages":[{"role":"system","content":` +
		mustJSON(strings.Repeat("You are a helpful assistant.\n", 20)) + `},{"role":"user","content":` +
		mustJSON(strings.Repeat("Say \"something\" nice. ", 20)) +
		`},{"role":"assistant","content":` + mustJSON(strings.Repeat("Nice things are said here. ", 20)) +
		`},{"role":"user","content":"And now?"}],"tools":[{"type":"function","function":{"name":"weather","description":"The weather.",` +
		`"parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]}`)
}

func BenchmarkInspect(b *testing.B) {
	ep := Lookup("POST", "/v1/chat/completions")
	body := chatRequest()
	h := http.Header{"Content-Type": {"application/json"}}
	run := func(name string, f func() bool) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if !f() {
					b.Fatal("not found")
				}
			}
		})
	}
	run("ReadFacts", func() bool { return readFacts(ep, body).Valid })
	run("TargetingKey", func() bool { _, from := TargetingKey(ep, h, body, "id"); return from == "conversation" })
	run("Inspect", func() bool { f, _, from := Inspect(ep, h, body, "id"); return f.Valid && from == "conversation" })
}

func BenchmarkLookup(b *testing.B) {
	for _, path := range []string{"/v1/chat/completions", "/v1/messages", "/v1/threads/thread_1/runs/run_1/steps/step_1", "/v1/unknown/path"} {
		b.Run(strings.TrimPrefix(path, "/v1/"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Lookup("POST", path)
			}
		})
	}
}

// BenchmarkIdleStream reports what an open stream holds between its events.
func BenchmarkIdleStream(b *testing.B) {
	const streams = 5000
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&before)
		held := make([]*Recorder, streams)
		for i := range held {
			held[i] = eventRecorder("/v1/chat/completions", false)
			held[i].Write([]byte(chatChunk), held[i].x.Started)
			held[i].Write([]byte(chatChunk[:50]), held[i].x.Started)
			held[i].Write([]byte(chatChunk[50:]), held[i].x.Started)
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/streams, "B/stream")
		runtime.KeepAlive(held)
	}
}
