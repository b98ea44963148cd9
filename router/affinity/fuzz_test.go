package affinity

import (
	"strings"
	"testing"
	"time"

	"cutover/exchange"
)

// A body made to be slow is not.
func TestRequestIDsInHostileBodies(t *testing.T) {
	t.Parallel()
	for _, part := range []string{`{"prompt":`, `{"id":`, `"`, `\"`, `{"file_ids":["`, `"file_id":{`, `[`} {
		q := request("POST", "/v1/batches", strings.Repeat(part, (8<<20)/len(part)))
		begun := time.Now()
		requestIDs(q)
		if d := time.Since(begun); d > 2*time.Second {
			t.Errorf("8 MiB of %s take %v", part, d)
		}
	}
}

// Any bytes may come as a body or a response.
func FuzzTable(f *testing.F) {
	for _, s := range []string{`{"file_id":"file-1"}`, `{"file_ids":["a","b"`, `{"conversation":{"id":"`, `"`, `{"a\\":"b`,
		`{"id" : "x","data":[{"id":1}]}`, "data: {\"id\":\"x\"}\n\ndata: {", "data:{\"response\":{\"output\":[[]]}}"} {
		f.Add([]byte(s))
	}
	a := New(Config{cacheSize: 1000})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, q := range []*exchange.Request{request("POST", "/v1/batches", string(body)), request("POST", "/v1/responses", string(body))} {
			q.Facts.Stateful = "x"
			a.Find(t.Context(), q)
			for _, streamed := range []bool{false, true} {
				a.Learn(q, &exchange.Exchange{Status: 200, Arm: exchange.Relay, Body: body, Streamed: streamed})
			}
			if n := requestIDs(q); len(n.ids) > maxRequestIDs {
				t.Fatalf("%d ids", len(n.ids))
			}
		}
	})
}

func BenchmarkFindUnbound(b *testing.B) {
	a := New(Config{})
	q := request("POST", "/v1/chat/completions", `{"model":"m","messages":[]}`)
	b.ReportAllocs()
	for b.Loop() {
		a.Find(b.Context(), q)
	}
}

func BenchmarkFindKnown(b *testing.B) {
	a := New(Config{})
	a.cache.put("resp_1", exchange.Relay, owned, time.Now().Add(time.Hour))
	q := request("POST", "/v1/responses", `{"model":"m","previous_response_id":"resp_1","input":"`+strings.Repeat("and then? ", 200)+`"}`)
	b.ReportAllocs()
	for b.Loop() {
		a.Find(b.Context(), q)
	}
}
