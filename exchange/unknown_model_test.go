package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// The ways in which providers say that they don't have a model, and what looks
// like it.
func TestUnknownModels(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		status int
		body   string
		want   bool
	}{
		{404, `{"error":{"message":"The model ` + "`x`" + ` does not exist or you do not have access to it.","type":` +
			`"invalid_request_error","param":null,"code":"model_not_found"}}`, true},
		{403, `{"error":{"message":"Project p does not have access to it","type":"invalid_request_error","code":"model_not_found"}}`, true},
		{400, `{"error":{"message":"","code":"model_not_found"}}`, true},
		{503, `{"error":{"message":"no available channel for model x","type":"new_api_error","code":"model_not_found"}}`, true},
		{404, `{"type":"error","error":{"type":"not_found_error","message":"model: claude-9"}}`, true},
		{404, `{"object":"error","message":"The model x does not exist.","type":"NotFoundError","code":404}`, true},
		{404, `{"error":"model \"x\" not found, try pulling it first"}`, true},
		{404, `{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}`, true},
		{400, `{"error":{"message":"x is not a valid model ID","code":400}}`, true},
		{400, `{"error":{"message":"Model Not Exist","type":"invalid_request_error","code":"invalid_request_error"}}`, true},
		{400, `{"object":"error","message":"Invalid model: x","type":"invalid_model","code":"1500"}`, true},
		{404, `[{"error":{"code":404,"message":"models/x is not found for API version v1beta","status":"NOT_FOUND"}}]`, true},

		{404, `{"error":{"message":"Invalid URL (POST /v1/x)","type":"invalid_request_error","param":null,"code":null}}`, false},
		{404, `{"type":"error","error":{"type":"not_found_error","message":"Not found"}}`, false},
		{404, `<html>no model here</html>`, false},
		{404, ``, false},
		{400, `{"type":"error","error":{"type":"invalid_request_error","message":"model: Field required"}}`, false},
		{400, `{"error":{"message":"This model's maximum context length is 8192 tokens","code":"context_length_exceeded"}}`, false},
		{503, `{"error":{"message":"The model is currently overloaded"}}`, false},
		{429, `{"error":{"message":"Rate limit reached for model x"}}`, false},
		{400, `{"error":{"message":"the model was ` + strings.Repeat("x", 4000) + ` not found"}}`, false}, // too far down to be read
		{200, `{"choices":[{"index":0,"message":{"role":"assistant","content":"model not found"},"finish_reason":"stop"}]}`, false},
	} {
		now := time.Now()
		rec := NewRecorder(Asked{Endpoint: Lookup("POST", "/v1/chat/completions")}, Relay, "relay", now, RecorderOptions{})
		rec.Header(row.status, http.Header{"Content-Type": {"application/json"}}, now)
		rec.Write([]byte(row.body), now)
		x := rec.End(ClassNone, "", now)
		if got := x.UnknownModel(); got != row.want || got != (x.Detail == "unknown_model") {
			t.Errorf("%d %.150s: unknown model %v, detail %q, want %v", row.status, row.body, got, x.Detail, row.want)
		}
	}
}

func TestLabelsHoldNoText(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"":                                "",
		"gpt-4.1":                         "gpt-4.1",
		"ft:gpt-4o:org/x@v1+2_3":          "ft:gpt-4o:org/x@v1+2_3",
		"what is the capital":             "other",
		"<script>":                        "other",
		"a\nb":                            "other",
		strings.Repeat("x", labelLimit):   strings.Repeat("x", labelLimit),
		strings.Repeat("x", labelLimit+1): "other",
	} {
		if got := Label(name); got != want {
			t.Errorf("Label(%q) = %q, want %q", name, got, want)
		}
	}
}
