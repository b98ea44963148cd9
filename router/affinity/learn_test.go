package affinity

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"cutover/exchange"
)

// What responses teach. Ids are listed as the store has them.
func TestWhatResponsesTeach(t *testing.T) {
	t.Parallel()
	const (
		p, r = exchange.Primary, exchange.Relay
		day  = 24
	)
	stored := `{"id":"resp_1","object":"response","store":true,"conversation":{"id":"conv_1"},"output":[{"type":"reasoning","id":"rs_1"},` +
		`{"type":"message","id":"msg_1"},` +
		`{"type":"code_interpreter_call","id":"ci_1","container_id":"cntr_1"}],"metadata":{"file_id":"file-EVIL"}}`
	for _, row := range []struct {
		name string
		q    *exchange.Request
		x    *exchange.Exchange
		want string
	}{
		{"a file", request("POST", "/v1/files", ""), response(r, 200, `{"id":"file-1","object":"file","purpose":"batch"}`), "file-1@relay 720h"},
		{"a file at the primary", request("POST", "/v1/files", ""), response(p, 200, `{"id":"file-1"}`), "file-1@primary 720h"},
		{"an error", request("POST", "/v1/files", ""), response(r, 400, `{"id":"file-1","error":{}}`), ""},
		{"an upload that is complete", request("POST", "/v1/uploads/upload_1/complete", ""), response(r, 200,
			`{"id":"upload_1","file":{"id":"file-1","object":"file"}}`), "file-1@relay 720h, upload_1@relay 720h"},
		{"a batch", request("GET", "/v1/batches/batch_1", ""), response(r, 200,
			`{"id":"batch_1","input_file_id":"file-1","output_file_id":"file-2","error_file_id":null,"metadata":{"file_id":"file-EVIL"}}`),
			"batch_1@relay 720h, file-2@relay 720h"},
		{"a list", request("GET", "/v1/batches", ""), response(p, 200, `{"object":"list","data":[{"id":"batch_1","output_file_id":"file-3"},`+
			`{"id":"batch_2","error_file_id":"file-4"}],"first_id":"batch_1"}`),
			"batch_1@primary 720h, batch_2@primary 720h, file-3@primary 720h, file-4@primary 720h"},
		{"a fine-tuning job", request("GET", "/v1/fine_tuning/jobs/ftjob-1", ""), response(r, 200,
			`{"id":"ftjob-1","fine_tuned_model":"ft:gpt-4o:org::1","result_files":["file-5"]}`),
			"file-5@relay 720h, ft:gpt-4o:org::1@relay 720h, ftjob-1@relay 720h"},
		{"a run that streams", request("POST", "/v1/threads/runs", ""), response(r, 200,
			"event: thread.created\ndata: {\"id\":\"thread_1\",\"object\":\"thread\"}\n\nevent: thread.run.created\ndata: "+
				"{\"id\":\"run_1\",\"thread_id\":\"thread_1\"}\n\ndata: [DONE]\n\n"),
			"run_1@relay 720h, thread_1@relay 720h"},
		{"Anthropic's batch", request("POST", "/v1/messages/batches", ""), response(r, 200, `{"id":"msgbatch_1","type":"message_batch"}`),
			"msgbatch_1@relay 720h"},
		{"a file's content", request("GET", "/v1/files/file-1/content", ""), response(r, 200,
			`{"id":"batch_req_1","response":{"body":{"id":"chatcmpl-1"}}}`), ""},
		{"a response of the relay", request("POST", "/v1/responses", `{"model":"m"}`), response(r, 200, stored),
			"ci_1@relay 72h, cntr_1@relay 720h, conv_1@relay 720h, msg_1@relay 72h, resp_1@relay 72h, rs_1@relay 72h"},
		{"a response of the primary", request("POST", "/v1/responses", `{"model":"m"}`), response(p, 200, stored), ""},
		{"a response that is not stored", request("POST", "/v1/responses", `{"model":"m","store":false}`), response(r, 200, stored), ""},
		{"a response that streams", request("POST", "/v1/responses", `{"model":"m","stream":true}`), response(r, 200,
			"event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_2\"}}\n\n"+
				"event: response.output_item.added\ndata: {\"item\":{\"id\":\"msg_2\"}}\n\nevent: response.output_text.delta\ndata: "+
				"{\"item_id\":\"msg_2\",\"delta\":\"x \\\"id\\\":\\\"EVIL\\\"\"}\n\n"), "msg_2@relay 72h, resp_2@relay 72h"},
		{"a chat completion", request("POST", "/v1/chat/completions", `{"model":"m","messages":[]}`), response(r, 200, `{"id":"chatcmpl-1"}`),
			""},
		{"a chat completion that is stored", request("POST", "/v1/chat/completions", `{"model":"m","store":true}`), response(r, 200,
			`{"id":"chatcmpl-1"}`), "chatcmpl-1@relay 72h"},
		{"a message with a container", request("POST", "/v1/messages", `{"model":"m","tools":[{"type":"code_execution_20250825",`+
			`"name":"code_execution"}]}`),
			response(r, 200, `{"id":"msg_1","container":{"id":"container_1"},"content":[{"type":"tool_use","id":"toolu_1",`+
				`"input":{"file_id":"file-EVIL"}},{"type":"bash_code_execution_tool_result",`+
				`"content":{"content":[{"type":"bash_code_execution_output","file_id":"file-6"}]}}]}`),
			"container_1@relay 720h, file-6@relay 720h"},
		{"a message with a container that streams", request("POST", "/v1/messages", `{"model":"m","container":"container_1","messages":[]}`),
			response(p, 200, "event: content_block_start\ndata: "+
				"{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"bash_code_execution_tool_result\",\"content\":{\"content\":[{\"fil"+
				"e_id\":\"file-7\"}]}}}\n\n"+
				"event: message_delta\ndata: {\"delta\":{\"container\":{\"id\":\"container_1\"}}}\n\n"),
			"container_1@primary 720h, file-7@primary 720h"},
		{"a thought of the relay", request("POST", "/v1/messages", `{"model":"m","messages":[]}`), bound(response(r, 200, `{"id":"msg_1"}`),
			"sealed-1"), "sealed-1@relay 72h"},
		{"a thought of the primary", request("POST", "/v1/messages", `{"model":"m","messages":[]}`), bound(response(p, 200, `{"id":"msg_1"}`),
			"sealed-1"), ""},
		{"a thought that is not stored", request("POST", "/v1/responses", `{"model":"m","store":false}`), bound(response(r, 200, stored),
			"sealed-1"), "sealed-1@relay 72h"},
		{"a spoken chat", request("POST", "/v1/chat/completions", `{"model":"m","messages":[]}`), bound(response(r, 200, `{}`), "audio_1"),
			"audio_1@relay 72h"},
		{"a plain message", request("POST", "/v1/messages", `{"model":"m","messages":[]}`), response(r, 200, `{"id":"msg_1"}`), ""},
		{"a body that was cut", request("GET", "/v1/files", ""), response(r, 200,
			`{"object":"list","data":[{"id":"file-1","filename":"a"},{"id":"file-2","fil`), "file-1@relay 720h, file-2@relay 720h"},
		{"no JSON", request("GET", "/v1/files", ""), response(r, 200, `<html>"id":"file-1"`), ""},
		{"nothing", request("DELETE", "/v1/files/file-1", ""), response(r, 204, ""), ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newIDs()
			a := New(Config{Store: s})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- a.Run(ctx) }()
			if row.x.Completion.ID == "" && row.q.Endpoint.Kind == exchange.Inference && row.q.Endpoint.Name == "chat/completions" {
				row.x.Completion.ID = "chatcmpl-1"
			}
			if done := a.Learn(row.q, row.x); (done != nil) != (row.want != "") {
				t.Errorf("%s: something was learned: %v", row.name, done != nil)
			} else if done != nil {
				<-done
			}
			if got := strings.Join(s.list(), ", "); got != row.want {
				t.Errorf("%s: learned %q, want %q", row.name, got, row.want)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
			if s := a.State(); s.Learned != s.Stored || s.Dropped != 0 || s.Waiting != 0 {
				t.Errorf("%s: State = %+v", row.name, s)
			}
		})
	}
}

func TestWhichBodiesAreWanted(t *testing.T) {
	t.Parallel()
	a := New(Config{})
	for _, row := range []struct {
		q              *exchange.Request
		primary, relay bool
	}{
		{request("POST", "/v1/files", ""), true, true},
		{request("GET", "/v1/files/file-1/content", ""), false, false},
		{request("POST", "/v1/responses", `{"model":"m"}`), false, true},
		{request("POST", "/v1/responses", `{"model":"m","store":false}`), false, false},
		{request("POST", "/v1/chat/completions", `{"model":"m","store":true}`), false, false}, // the completion's id suffices
		{request("POST", "/v1/messages", `{"model":"m"}`), false, false},
		{request("POST", "/v1/messages", `{"model":"m","container":"container_1"}`), true, true},
		{request("GET", "/v1/models", ""), false, false},
	} {
		if p, r := a.WantsBody(row.q, exchange.Primary), a.WantsBody(row.q, exchange.Relay); p != row.primary || r != row.relay {
			t.Errorf("%s %s %s: %v, %v", row.q.Method, row.q.Path, row.q.Body, p, r)
		}
	}
}
