package main

import (
	"bytes"
	"fmt"
	"strings"
)

// request is one POST, ready to be sent, and the expected response body; nil: not
// checked.
type request struct {
	raw  []byte
	want []byte
}

// makeRequests returns n requests for a model, each with its own caller and prompt.
// host is their authority.
func makeRequests(model, host string, n int) ([]request, error) {
	return makeRequestsTo(armPrimary, model, host, n)
}

// makeRequestsTo returns requests with the expected responses of arm.
func makeRequestsTo(arm, model, host string, n int) ([]request, error) {
	requests := make([]request, n)
	for i := range requests {
		body := requestBody(model, i)
		j, err := parseJob(body)
		if err != nil {
			return nil, err
		}
		requests[i].raw = append(requestHead(host, len(body)), body...)
		switch {
		case j.hold:
		case j.stream:
			requests[i].want = bytes.Join(streamResponse(arm, j), nil)
		default:
			requests[i].want = jsonResponse(arm, j)
		}
	}
	return requests, nil
}

// requestBody is about 700 bytes of JSON.
func requestBody(model string, caller int) []byte {
	asked := strings.Join(text("question", caller*7+3, 79), " ")
	stream := ""
	if model != modelJSON {
		stream = `"stream":true,"stream_options":{"include_usage":true},`
	}
	return fmt.Appendf(nil, `{"model":"%s","messages":[`+
		`{"role":"system","content":"You response questions about rivers for the people of a small town, briefly and in full sentences."},`+
		`{"role":"user","content":"Question %d: %s?"}],"temperature":0.7,"max_tokens":512,%s"user":"caller-%04d"}`,
		model, caller, asked, stream, caller)
}

// requestHead has the headers that an SDK sends.
func requestHead(host string, length int) []byte {
	return fmt.Appendf(nil, "POST /v1/chat/completions HTTP/1.1\r\n"+
		"Host: %s\r\n"+
		"Accept: application/json\r\n"+
		"Accept-Encoding: identity\r\n"+
		"Authorization: Bearer no-key-is-needed-here\r\n"+
		"Content-Type: application/json\r\n"+
		"Content-Length: %d\r\n"+
		"User-Agent: proxybench\r\n"+
		"X-Stainless-Lang: go\r\n"+
		"X-Stainless-Retry-Count: 0\r\n"+
		"X-Stainless-Timeout: 600\r\n"+
		"\r\n", host, length)
}
