package mock_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"cutover/internal/mock"
)

// sink takes a response and forgets it.
type sink struct {
	header http.Header
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) Write(b []byte) (int, error) { s.n += len(b); return len(b), nil }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Flush()                      {}

// benchmark measures the mock's own work, without sockets.
func benchmark(b *testing.B, cfg mock.Config, path, body string) {
	s, err := mock.New(cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := http.NewRequest(http.MethodPost, "http://mock"+path, io.NopCloser(bytes.NewReader([]byte(body))))
		if err != nil {
			b.Fatal(err)
		}
		r.ContentLength = int64(len(body))
		s.ServeHTTP(&sink{header: make(http.Header)}, r)
	}
}

const benchBody = `{"model":"gpt-4o","messages":[{"role":"system","content":"You are a helpful ` +
	`assistant."},{"role":"user","content":"Explain how a suspension bridge carries its load, in a few sentences."}]`

func BenchmarkPlain(b *testing.B) {
	benchmark(b, mock.Config{}, "/v1/chat/completions", benchBody+"}")
}

func BenchmarkStream(b *testing.B) {
	benchmark(b, mock.Config{}, "/v1/chat/completions", benchBody+`,"stream":true}`)
}

func BenchmarkPlainNoise(b *testing.B) {
	benchmark(b, mock.Config{Speech: mock.Speech{Noise: 0.2}}, "/v1/chat/completions", benchBody+"}")
}

func BenchmarkStreamNoise(b *testing.B) {
	benchmark(b, mock.Config{Speech: mock.Speech{Noise: 0.2}}, "/v1/chat/completions", benchBody+`,"stream":true}`)
}
