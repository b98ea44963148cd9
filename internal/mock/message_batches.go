package mock

import (
	"bytes"
	"net/http"
	"sync"
	"time"

	"github.com/tidwall/gjson"
)

// messageBatch is an Anthropic batch. As with batch, its progress depends on the clock.
type messageBatch struct {
	id       string
	created  time.Time
	length   time.Duration
	requests []gjson.Result

	mu        sync.Mutex
	cancelled time.Time
	results   []byte // JSON lines, once it has run
	succeeded int
	errored   int
}

func createMessageBatch(c *call) {
	requests := gjson.GetBytes(c.body, "requests")
	if !requests.IsArray() || len(requests.Array()) == 0 {
		c.fail(badRequest("", "requests: Field required"))
		return
	}
	b := &messageBatch{id: "msgbatch_01" + newID(c.id, 0), created: c.at, length: c.BatchTime, requests: requests.Array()}
	if len(b.requests) > 2*maxBatchLines {
		c.fail(badRequest("", "requests: List should have at most "+itoa(2*maxBatchLines)+" items"))
		return
	}
	seen := make(map[string]bool)
	for _, r := range b.requests {
		id := r.Get("custom_id").Str
		if id == "" || seen[id] || !r.Get("params").IsObject() {
			c.fail(badRequest("", "requests: each needs params and a custom_id of its own"))
			return
		}
		seen[id] = true
	}
	c.s.objects.messages.put(b.id, b)
	c.sendObject(http.StatusOK, b.describe("in_progress", c))
}

// look computes the batch's current state, and runs it when it is due.
func (b *messageBatch) look(c *call) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.results != nil:
		return "ended"
	case b.cancelled.IsZero() && c.at.Sub(b.created) < b.length:
		return "in_progress"
	}
	var out bytes.Buffer
	for _, r := range b.requests {
		out.Write(append(encode(ordered{"custom_id", r.Get("custom_id").Str, "result", b.result(c, r)}), '\n'))
	}
	b.results = out.Bytes()
	return "ended"
}

// result handles one request.
func (b *messageBatch) result(c *call, r gjson.Result) ordered {
	if !b.cancelled.IsZero() {
		return ordered{"type", "canceled"}
	}
	status, _, reply := c.inner(c.base+"/messages", []byte(r.Get("params").Raw))
	if status != http.StatusOK {
		b.errored++
		return ordered{"type", "errored", "error", raw(string(reply))}
	}
	b.succeeded++
	return ordered{"type", "succeeded", "message", raw(string(reply))}
}

func (b *messageBatch) describe(status string, c *call) ordered {
	b.mu.Lock()
	defer b.mu.Unlock()
	var ended, cancelling, results any
	processing, canceled := len(b.requests), 0
	if !b.cancelled.IsZero() {
		cancelling = stamp(b.cancelled)
	}
	if status == "ended" {
		processing = 0
		canceled = len(b.requests) - b.succeeded - b.errored
		ended = stamp(b.created.Add(b.length))
		if !b.cancelled.IsZero() {
			ended = cancelling
		}
		results = c.origin() + c.base + "/messages/batches/" + b.id + "/results"
	}
	return ordered{"id", b.id, "type", "message_batch", "processing_status", status,
		"request_counts", ordered{"processing", processing, "succeeded", b.succeeded, "errored", b.errored, "canceled", canceled, "expired", 0},
		"ended_at", ended, "created_at", stamp(b.created), "expires_at", stamp(b.created.Add(24 * time.Hour)), "archived_at", nil,
		"cancel_initiated_at", cancelling, "results_url", results}
}

// origin is the base URL that the caller used.
func (c *call) origin() string {
	if c.r.TLS != nil {
		return "https://" + c.r.Host
	}
	return "http://" + c.r.Host
}

// messageBatch finds the batch that the path names; nil after sending an error.
func (c *call) messageBatch() *messageBatch {
	b, ok := c.s.objects.messages.get(c.args[0])
	if !ok {
		c.fail(c.noSuch("Message batch", c.args[0]))
		return nil
	}
	return b
}

func getMessageBatch(c *call) {
	if b := c.messageBatch(); b != nil {
		c.sendObject(http.StatusOK, b.describe(b.look(c), c))
	}
}

func cancelMessageBatch(c *call) {
	b := c.messageBatch()
	if b == nil {
		return
	}
	if b.look(c) == "ended" {
		c.fail(badRequest("", "Batch "+b.id+" cannot be canceled because it has already ended."))
		return
	}
	b.mu.Lock()
	b.cancelled = c.at
	b.mu.Unlock()
	c.sendObject(http.StatusOK, b.describe("canceling", c))
}

func deleteMessageBatch(c *call) {
	b := c.messageBatch()
	if b == nil {
		return
	}
	if b.look(c) != "ended" {
		c.fail(badRequest("", "Batch "+b.id+" cannot be deleted while it is in progress."))
		return
	}
	c.s.objects.messages.drop(b.id)
	c.sendObject(http.StatusOK, ordered{"id", b.id, "type", "message_batch_deleted"})
}

func messageBatchResults(c *call) {
	b := c.messageBatch()
	if b == nil {
		return
	}
	if b.look(c) != "ended" {
		c.fail(badRequest("", "Batch "+b.id+" has no available results yet."))
		return
	}
	c.pass("application/x-jsonl", b.results)
}

func listMessageBatches(c *call) {
	c.sendObject(http.StatusOK, c.page(c.s.objects.messages.ids(nil), func(id string) any {
		b, ok := c.s.objects.messages.get(id)
		if !ok {
			return ordered{"id", id, "type", "message_batch"}
		}
		return b.describe(b.look(c), c)
	}))
}
