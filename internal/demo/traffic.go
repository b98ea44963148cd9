package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// traffic simulates callers with a realistic mix of requests: chats, streamed and
// not, in both API formats, with tools, with JSON output, and some embeddings.
type traffic struct {
	url     string
	callers int
	client  *http.Client
}

// CallersSaw counts what the callers got.
type CallersSaw struct {
	Requests uint64 `json:"requests"`
	Errors   uint64 `json:"errors"` // responses with a status of 400 or above
	Broken   uint64 `json:"broken"` // no response, or an incomplete one
	TookMS   int64  `json:"took_ms"`
}

func newTraffic(url string, callers int) *traffic {
	return &traffic{url: url, callers: callers, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: callers}, Timeout: time.Minute,
	}}
}

// run sends requests for the given time and lets the last ones finish. progress gets
// the elapsed milliseconds.
func (t *traffic) run(ctx context.Context, length time.Duration, progress func(int64)) CallersSaw {
	began := time.Now()
	over, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	var requests, failed, broken atomic.Uint64
	var wg sync.WaitGroup
	for i := range t.callers {
		wg.Go(func() {
			dice := rand.New(rand.NewPCG(uint64(i), 7))
			for over.Err() == nil {
				requests.Add(1)
				switch status, err := t.ask(ctx, i, dice); {
				case err != nil:
					broken.Add(1)
				case status >= 400:
					failed.Add(1)
				}
			}
		})
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for over.Err() == nil {
		select {
		case <-tick.C:
			progress(time.Since(began).Milliseconds())
		case <-over.Done():
		}
	}
	wg.Wait()
	t.client.CloseIdleConnections()
	return CallersSaw{requests.Load(), failed.Load(), broken.Load(), time.Since(began).Milliseconds()}
}

// ask sends one request and reads the whole response.
func (t *traffic) ask(ctx context.Context, caller int, dice *rand.Rand) (status int, err error) {
	path, body := question(caller, dice)
	text, err := json.Marshal(body)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url+path, bytes.NewReader(text))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	if path == "/v1/messages" {
		req.Header.Set("X-Api-Key", "sk-demo-caller")
		req.Header.Set("Anthropic-Version", "2023-06-01")
	} else {
		req.Header.Set("Authorization", "Bearer sk-demo-caller")
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// topics are the callers' prompts.
func topics() []string {
	return []string{
		"Summarise the incident report about the payment outage for a manager.",
		"Write a short, friendly reply to a customer whose parcel is late.",
		"Explain to a new colleague how our cache invalidation works.",
		"What should I check before I rotate the database password?",
		"Give me three titles for an article about urban gardens.",
		"Translate into plain language: the lessee shall indemnify the lessor.",
		"Why do distributed systems need idempotent requests?",
		"Draft release notes for a faster search and two fixed crashes.",
		"Compare oak and beech for a kitchen table.",
		"How do I read the weather from the clouds on a mountain hike?",
		"List the risks of moving a service to another region.",
		"Describe the taste of a ripe pear to somebody who never had one.",
	}
}

// question returns one request: its path and body.
func question(caller int, dice *rand.Rand) (path string, body map[string]any) {
	all := topics()
	topic := all[dice.IntN(len(all))]
	user := fmt.Sprintf("user-%d", caller)
	messages := []any{map[string]any{"role": "user", "content": topic}}
	chat := map[string]any{"model": "gpt-4o", "user": user, "messages": messages}
	switch n := dice.IntN(100); {
	case n < 40:
		chat["stream"] = true
		return "/v1/chat/completions", chat
	case n < 55:
		return "/v1/chat/completions", chat
	case n < 65:
		chat["tools"] = []any{weatherTool()}
		return "/v1/chat/completions", chat
	case n < 72:
		chat["response_format"] = map[string]any{"type": "json_object"}
		return "/v1/chat/completions", chat
	case n < 80:
		return "/v1/responses", map[string]any{"model": "gpt-4o", "input": topic, "stream": n%2 == 0, "user": user}
	case n < 95:
		return "/v1/messages", map[string]any{
			"model": "claude-sonnet-4.5", "max_tokens": 400, "stream": n%2 == 0,
			"messages": messages, "metadata": map[string]any{"user_id": user},
		}
	}
	return "/v1/embeddings", map[string]any{"model": "text-embedding-3-small", "input": topic}
}

func weatherTool() map[string]any {
	return map[string]any{"type": "function", "function": map[string]any{
		"name": "get_weather", "description": "the weather at a place",
		"parameters": map[string]any{
			"type": "object", "required": []string{"place", "unit"},
			"properties": map[string]any{
				"place": map[string]any{"type": "string"},
				"unit":  map[string]any{"type": "string", "enum": []string{"celsius", "fahrenheit"}},
				"days":  map[string]any{"type": "integer", "minimum": 1, "maximum": 10},
			},
		},
	}}
}
