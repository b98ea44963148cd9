package mock

import (
	"bytes"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// batch is an OpenAI batch. Its progress depends only on the clock and is computed
// when it is read.
type batch struct {
	id       string
	endpoint string
	input    *file
	window   string
	metadata any
	created  time.Time
	length   time.Duration // until it is done
	lines    [][]byte
	errors   []any // why it could not start

	mu        sync.Mutex
	cancelled time.Time // when cancellation was requested
	output    *file     // once it has run
	failures  *file     // lines that got an error
	failed    int
	tokens    [2]int // input and output
}

const maxBatchLines = 50_000

func createBatch(c *call) {
	root := gjson.ParseBytes(c.body)
	for _, key := range []string{"input_file_id", "endpoint", "completion_window"} {
		if root.Get(key).Str == "" {
			c.fail(badRequest(key, "Missing required parameter: '"+key+"'."))
			return
		}
	}
	in, ok := c.s.objects.files.get(root.Get("input_file_id").Str)
	switch {
	case !ok:
		c.fail(badRequest("input_file_id", "Invalid 'input_file_id': no such file."))
		return
	case !in.whole:
		c.fail(badRequest("input_file_id", "The content of this file was too large for the mock to keep (max_kept)."))
		return
	}
	b := &batch{id: "batch_" + newID(c.id, 0), endpoint: root.Get("endpoint").Str, input: in, window: root.Get("completion_window").Str,
		created: c.at, length: c.BatchTime}
	if m := root.Get("metadata"); m.IsObject() {
		b.metadata = m.Value()
	}
	b.read()
	c.s.objects.batches.put(b.id, b)
	c.sendObject(http.StatusOK, b.describe("validating", c))
}

// read splits the input into lines and records what is wrong with them.
func (b *batch) read() {
	wrong := func(line int, code, message string) {
		if len(b.errors) < 50 {
			b.errors = append(b.errors, ordered{"code", code, "message", message, "param", nil, "line", line})
		}
	}
	seen := make(map[string]bool)
	for i, line := range bytes.Split(b.input.content, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		b.lines = append(b.lines, line)
		if !json.Valid(line) {
			wrong(i+1, "invalid_json_line", "This line is not parseable as valid JSON.")
			continue
		}
		root := gjson.ParseBytes(line)
		id := root.Get("custom_id").Str
		switch {
		case id == "" || root.Get("url").Str == "" || !root.Get("body").IsObject():
			wrong(i+1, "missing_required_parameter", "A line needs custom_id, method, url and body.")
		case seen[id]:
			wrong(i+1, "duplicate_custom_id", "The custom_id '"+id+"' is used more than once.")
		case root.Get("url").Str != b.endpoint:
			wrong(i+1, "mismatched_endpoint", "The URL of this line does not match the batch's endpoint.")
		}
		seen[id] = true
	}
	switch {
	case len(b.lines) == 0:
		wrong(0, "empty_file", "The batch input file is empty.")
	case len(b.lines) > maxBatchLines:
		wrong(0, "too_many_tasks", "A batch may have at most "+itoa(maxBatchLines)+" lines.")
	}
}

// look computes the batch's current state, and runs it when it is due.
func (b *batch) look(c *call) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	passed := c.at.Sub(b.created)
	switch {
	case len(b.errors) > 0:
		return "failed"
	case !b.cancelled.IsZero() && b.output == nil:
		return "cancelled"
	case b.output != nil:
		return "completed"
	case passed < b.length/10:
		return "validating"
	case passed < b.length:
		return "in_progress"
	}
	b.run(c)
	return "completed"
}

// run processes all lines.
func (b *batch) run(c *call) {
	var output, failures bytes.Buffer
	for _, line := range b.lines {
		root := gjson.ParseBytes(line)
		status, header, reply := c.inner(b.endpoint, []byte(root.Get("body").Raw))
		response := ordered{"status_code", status, "request_id", header.Get("X-Request-Id"), "body", raw(string(reply))}
		entry := encode(
			ordered{"id", "batch_req_" + newID(c.s.nextID(), 0), "custom_id", root.Get("custom_id").Str, "response", response, "error", nil},
		)
		to := &output
		if status != http.StatusOK {
			to, b.failed = &failures, b.failed+1
		}
		to.Write(append(entry, '\n'))
		usage := gjson.GetBytes(reply, "usage")
		b.tokens[0] += int(usage.Get("prompt_tokens").Int() + usage.Get("input_tokens").Int())
		b.tokens[1] += int(usage.Get("completion_tokens").Int() + usage.Get("output_tokens").Int())
	}
	b.output = c.madeFile(b.id+"_output.jsonl", "batch_output", output.Bytes())
	if b.failed > 0 {
		b.failures = c.madeFile(b.id+"_error.jsonl", "batch_output", failures.Bytes())
	}
}

// madeFile stores a file created by the mock.
func (c *call) madeFile(name, purpose string, content []byte) *file {
	f := &file{name: name, purpose: purpose, kind: "application/jsonl", size: int64(len(content)), created: c.at, made: true}
	if f.whole = c.s.objects.hold(f.size, c.keepLimit()); f.whole {
		f.content = content
	}
	return c.addFile(f)
}

// describe is the batch in the given state.
func (b *batch) describe(status string, c *call) ordered {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := func(t time.Time, when bool) any {
		if !when {
			return nil
		}
		return t.Unix()
	}
	fileID := func(f *file) any {
		if f == nil {
			return nil
		}
		return f.id
	}
	finished := b.created.Add(b.length)
	done := status == "completed"
	completed := 0
	switch {
	case done:
		completed = len(b.lines) - b.failed
	case status == "in_progress":
		completed = int(float64(len(b.lines)) * float64(c.at.Sub(b.created)) / float64(b.length))
	}
	var errors any
	if status == "failed" {
		errors = ordered{"object", "list", "data", b.errors}
	}
	return ordered{
		"id", b.id, "object", "batch", "endpoint", b.endpoint, "errors", errors, "input_file_id", b.input.id, "completion_window", b.window,
		"status", status, "output_file_id", fileID(b.output), "error_file_id", fileID(b.failures), "created_at", b.created.Unix(),
		"in_progress_at", at(b.created.Add(b.length/10), status == "in_progress" || done), "expires_at", b.created.Add(24 * time.Hour).Unix(),
		"finalizing_at", at(finished, done), "completed_at", at(finished, done),
		"failed_at", at(b.created, status == "failed"), "expired_at", nil,
		"cancelling_at", at(b.cancelled, !b.cancelled.IsZero()), "cancelled_at", at(b.cancelled, status == "cancelled"),
		"request_counts", ordered{"total", len(b.lines), "completed", completed, "failed", b.failed},
		"usage", ordered{"input_tokens", b.tokens[0], "input_tokens_details", obj{"cached_tokens": 0}, "output_tokens", b.tokens[1],
			"output_tokens_details", obj{"reasoning_tokens": 0}, "total_tokens", b.tokens[0] + b.tokens[1]},
		"metadata", b.metadata,
	}
}

// batch finds the batch that the path names; nil after sending an error.
func (c *call) batch() *batch {
	b, ok := c.s.objects.batches.get(c.args[0])
	if !ok {
		c.fail(notFound("No batch found with id '" + c.args[0] + "'."))
		return nil
	}
	return b
}

func getBatch(c *call) {
	if b := c.batch(); b != nil {
		c.sendObject(http.StatusOK, b.describe(b.look(c), c))
	}
}

func cancelBatch(c *call) {
	b := c.batch()
	if b == nil {
		return
	}
	if status := b.look(c); status != "validating" && status != "in_progress" {
		c.fail(&problem{status: http.StatusConflict, message: "Cannot cancel a batch with status '" + status + "'."})
		return
	}
	b.mu.Lock()
	b.cancelled = c.at
	b.mu.Unlock()
	c.sendObject(http.StatusOK, b.describe("cancelling", c))
}

func listBatches(c *call) {
	c.sendObject(http.StatusOK, c.cursor(c.s.objects.batches.ids(nil), func(id string) any {
		b, ok := c.s.objects.batches.get(id)
		if !ok {
			return ordered{"id", id, "object", "batch"}
		}
		return b.describe(b.look(c), c)
	}))
}
