package router_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"cutover/exchange"
	"cutover/flags"
	"cutover/router"
	"cutover/router/affinity"
	"cutover/upstream"
)

// received is what a provider was sent.
type received struct {
	by, body, kind, digest string
	length                 int64
}

// jobBench is a bench whose relay has names of its own; what either provider
// receives comes over the channel.
func jobBench(
	t *testing.T,
	models upstream.Models,
	decide func(flags.Attributes) flags.Decision,
	primary func(*upstream.Config),
) (*bench, chan received) {
	t.Helper()
	got := make(chan received, 4)
	take := func(by string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("%s: the body: %v", by, err)
			}
			got <- received{by, string(body), r.Header.Get("Content-Type"), r.Header.Get("Content-Digest"), r.ContentLength}
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id":"made-by-`+by+`"}`)
		}
	}
	if decide == nil {
		decide = serveByRelay
	}
	return newBench(t, take("primary"), setup{
		decide: decide, relayHandler: take("relay"), primary: primary,
		relay: func(c *upstream.Config) { c.Models = models },
		router: func(c *router.Config) {
			c.Affinity = affinity.New(affinity.Config{})
			c.CaptureLimit = 64 << 10
		},
	}), got
}

const jobKind = `multipart/form-data; boundary=B`

// jobUpload is a multipart body; the purpose comes before or after the file.
func jobUpload(purpose, file string, behind bool) string {
	p := "--B\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n" + purpose + "\r\n"
	f := "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n" + file + "\r\n"
	if behind {
		p, f = f, p
	}
	return p + f + "--B--\r\n"
}

func jobLine(model string) string {
	return `{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"` + model + `"}}` + "\n"
}

// TestModelsInsideJobs states who gets a job, and with which names in it.
func TestModelsInsideJobs(t *testing.T) {
	t.Parallel()
	renames := upstream.Models{NameMap: upstream.NameMap{Exact: map[string]string{"gpt-4o": "gpt-4.1"}}}
	strict := renames
	strict.Strict = true
	two := jobLine("gpt-4o") + jobLine("other")
	big := strings.Repeat(jobLine("gpt-4o"), 2000)
	for _, row := range []struct {
		name, path, kind, body string
		models                 upstream.Models
		by, want               string // want "": as it was sent
	}{
		{"a file for a batch", "/v1/files", jobKind, jobUpload("batch", two, false), renames, "relay", jobUpload("batch",
			jobLine("gpt-4.1")+jobLine("other"), false)},
		{"the purpose behind it", "/v1/files", jobKind, jobUpload("batch", two, true), renames, "relay", jobUpload("batch",
			jobLine("gpt-4.1")+jobLine("other"), true)},
		{"a strict map without a name", "/v1/files", jobKind, jobUpload("batch", two, true), strict, "primary because of model", ""},
		{"a strict map with all names", "/v1/files", jobKind, jobUpload("batch", jobLine("gpt-4o"), true), strict, "relay", jobUpload("batch",
			jobLine("gpt-4.1"), true)},
		{"another purpose", "/v1/files", jobKind, jobUpload("fine-tune", two, false), strict, "relay", ""},
		{"nothing to rename", "/v1/files", jobKind, jobUpload("batch", two, false), upstream.Models{}, "relay", ""},
		{"too large to be held", "/v1/files", jobKind, jobUpload("batch", big, false), renames, "primary because of job-too-large", ""},
		{"too large, and the purpose behind it", "/v1/files", jobKind, jobUpload("batch", big, true), renames, "primary because of job-too-large",
			""},
		{"large, and nothing to rename", "/v1/files", jobKind, jobUpload("batch", big, false), upstream.Models{}, "relay", ""},
		{"large, with another purpose", "/v1/files", jobKind, jobUpload("vision", big, false), renames, "relay", ""},
		{"cut short", "/v1/files", jobKind, jobUpload("batch", two, false)[:200], renames, "primary because of job-unreadable", ""},
		{"no multipart", "/v1/files", "application/json", `{"model":"gpt-4o"}`, renames, "relay", ""},
		{"an upload in parts", "/v1/uploads", "application/json", `{"purpose":"batch","bytes":5}`, renames, "primary because of job-in-parts",
			""},
		{"an upload in parts for something else", "/v1/uploads", "application/json", `{"purpose":"vision","bytes":5}`, renames, "relay", ""},
		{"a message batch", "/v1/messages/batches", "application/json", `{"requests":[{"custom_id":"1","params":{"model":"gpt-4o", "n":1.0}}]}`,
			renames, "relay", `{"requests":[{"custom_id":"1","params":{"model":"gpt-4.1", "n":1.0}}]}`},
		{"a message batch that a strict map refuses", "/v1/messages/batches", "application/json",
			`{"requests":[{"params":{"model":"gpt-4o"}},{"params":{"model":"x"}}]}`, strict, "primary because of model", ""},
		{"a message batch that is no JSON", "/v1/messages/batches", "application/json", `{"requests":[`, strict, "relay", ""},
		{"a message batch too large to be held", "/v1/messages/batches", "application/json", `{"requests":["` + big[:1] + strings.Repeat("x",
			70<<10) + `"]}`, renames, "primary because of job-too-large", ""},
		{"other things that are made", "/v1/vector_stores", "application/json", `{"name":"gpt-4o"}`, strict, "relay", ""},
	} {
		for _, chunked := range []bool{false, true} {
			b, got := jobBench(t, row.models, nil, nil)
			var body io.Reader = strings.NewReader(row.body)
			if chunked {
				body = struct{ io.Reader }{body} // its length can't be told
			}
			req, err := http.NewRequest("POST", b.url+row.path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", row.kind)
			req.Header.Set("Content-Digest", "of-the-original")
			resp, err := b.client.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			_ = resp.Body.Close()
			r, want, digest := <-got, row.body, "of-the-original"
			if row.want != "" {
				want, digest = row.want, ""
			}
			if by(resp) != row.by || !strings.HasPrefix(row.by, r.by) || r.body != want || r.kind != row.kind || r.digest != digest {
				t.Errorf("%s, chunked %v: by %s, got %+.300v\nwant %s, %.300s", row.name, chunked, by(resp), r, row.by, want)
			}
			if r.length != int64(len(want)) && !(chunked && r.length == -1) {
				t.Errorf("%s, chunked %v: the length is %d, want %d", row.name, chunked, r.length, len(want))
			}
			if len(got) > 0 {
				t.Errorf("%s: both providers were called: %+v", row.name, <-got)
			}
			_, x := b.exchangeOf(1)
			if moved := strings.Contains(row.by,
				"because"); moved != (len(x.Trail) == 1 && x.Trail[0].Class == exchange.ClassNotSent && x.Trail[0].Upstream == "relay") {
				t.Errorf("%s: the trail is %+v", row.name, x.Trail)
			}
		}
	}
}

// TestJobsThatOnlyOneCanTake: where no other provider can take a job, a model
// without a name is an error in the caller's words, before anything is sent.
func TestJobsThatOnlyOneCanTake(t *testing.T) {
	t.Parallel()
	strict := upstream.Models{Strict: true, NameMap: upstream.NameMap{Exact: map[string]string{"known": "known-here"}}}
	ours := func(flags.Attributes) flags.Decision { return flags.Decision{RelayEnabled: true} }
	b, got := jobBench(t, upstream.Models{}, ours, func(c *upstream.Config) { c.Models = strict })
	for _, row := range []struct{ path, kind, body, want string }{
		{"/v1/messages/batches", "application/json", `{"requests":[{"params":{"model":"x"}}]}`,
			`{"error":{"message":"cutover: the upstream's model map is strict and has no name for this model","type":"not_found_error"},` +
				`"type":"error"}`},
		{"/v1/files", jobKind, jobUpload("batch", jobLine("x"), true), `{"error":{"code":"model_not_found","message":"cutover: the ` +
			`upstream's model map is strict and has no name for this model","param":null,"type":"not_found_error"}}`},
	} {
		resp, response := b.do("POST", row.path, row.body, "Content-Type", row.kind)
		if resp.StatusCode != http.StatusNotFound || strings.TrimSpace(response) != row.want || len(got) > 0 {
			t.Errorf("%s: %d %s\nwant 404 %s", row.path, resp.StatusCode, response, row.want)
		}
	}
	// What both rename: the relay refuses, the primary has a name.
	b, got = jobBench(t, upstream.Models{Strict: true}, nil, func(c *upstream.Config) { c.Models = strict })
	resp, _ := b.do("POST", "/v1/files", jobUpload("batch", jobLine("known"), true), "Content-Type", jobKind)
	if r := <-got; by(resp) != "primary because of model" || r.body != jobUpload("batch", jobLine("known-here"), true) {
		t.Errorf("by %s: %+v", by(resp), r)
	}
}

// TestJobsOfACallerWhoBreaksOff: nothing is left behind, and no provider is called.
func TestJobsOfACallerWhoBreaksOff(t *testing.T) {
	t.Parallel()
	renames := upstream.Models{NameMap: upstream.NameMap{Default: "gpt-4.1"}}
	b, got := jobBench(t, renames, nil, nil)
	r, w := io.Pipe()
	req, err := http.NewRequest("POST", b.url+"/v1/files", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", jobKind)
	go func() {
		_, _ = io.WriteString(w, jobUpload("batch", jobLine("a"), false)[:150])
		_ = w.CloseWithError(io.ErrUnexpectedEOF)
	}()
	if resp, err := b.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("a request that broke off got a response: %d", resp.StatusCode)
	}
	b.server.Close() // waits for the handler
	if len(got) > 0 {
		t.Errorf("a provider was sent %+v", <-got)
	}
}
