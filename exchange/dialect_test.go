package exchange

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestEveryDialectIsComplete: what every dialect must state, and what belongs
// together.
func TestEveryDialectIsComplete(t *testing.T) {
	t.Parallel()
	names := map[string]Dialect{}
	for _, d := range Dialects() {
		s := d.Spec()
		if s.Name == "" || names[s.Name] != DialectNone {
			t.Errorf("dialect %d: the name %q is empty or taken", d, s.Name)
		}
		names[s.Name] = d
		if s.readBody == nil {
			t.Errorf("%s: nothing reads a body", s.Name)
		}
		if len(s.Forms.UserText) == 0 {
			t.Errorf("%s: where the user's text stands is not stated", s.Name)
		}
		checkEndpoints(t, d)
		if s.Streams != (s.readEvent != nil) {
			t.Errorf("%s: Streams is %v, but a function for events is there: %v", s.Name, s.Streams, s.readEvent != nil)
		}
		if s.Streams != s.Complete.Output || s.Streams != s.Complete.FinishReason {
			t.Errorf("%s: Streams is %v, but a complete response has %+v", s.Name, s.Streams, s.Complete)
		}
		if s.Streams && (len(s.finishReasons) == 0 || len(s.Truncated) == 0) {
			t.Errorf("%s: no finish reasons", s.Name)
		}
		if !s.Streams && (s.readCutEvent != nil || s.doneMarker || s.eventModel != "" || s.UsageOnRequest || s.noArguments != "") {
			t.Errorf("%s: it is never streamed, but says how", s.Name)
		}
		if (s.errorEvent == nil) != (s.wrapError == nil) {
			t.Errorf("%s: an error event of our own and one around a provider's error go together", s.Name)
		}
		if s.PagedLists && s.errorBody == nil {
			t.Errorf("%s: paged lists are not OpenAI's, but errors are", s.Name)
		}
	}
	if s := DialectNone.Spec(); s.understood() || len(s.endpoints) > 0 || (dialectCount+1).Spec() != s {
		t.Error("DialectNone must read nothing, and stand in for what does not exist")
	}
}

func checkEndpoints(t *testing.T, d Dialect) {
	t.Helper()
	s := d.Spec()
	if len(s.endpoints) == 0 {
		t.Errorf("%s: no endpoints", s.Name)
		return
	}
	if main := s.endpoints[0]; main.kind != Inference || main.dialect != d || strings.Contains(main.pattern, "*") ||
		s.Endpoint() != main.name() {
		t.Errorf("%s: the first endpoint, %+v, is not one that is called by its name", s.Name, main)
	}
	for _, row := range s.endpoints {
		if row.dialect != d && row.dialect != DialectNone {
			t.Errorf("%s: the endpoint %s is of another dialect", s.Name, row.pattern)
		}
		if row.generates != (row.kind == Inference && s.Streams && row.pattern == s.Endpoint()) {
			t.Errorf("%s: the endpoint %s generates: %v", s.Name, row.pattern, row.generates)
		}
	}
	if strings.TrimSpace(s.stored) != "" && !strings.Contains(s.stored, s.Endpoint()) {
		t.Errorf("%s: stored under %s, not under its own path", s.Name, s.stored)
	}
}

// TestDialectsCopeWithAnything: whatever a provider or a caller sends, the
// functions of a dialect read it without a panic.
func TestDialectsCopeWithAnything(t *testing.T) {
	t.Parallel()
	bodies := []string{
		``, `{`, `{}`, `[]`, `null`, `7`, `"x"`, `{"error":7}`, `{"type":"error","error":{}}`, `{"model":{},"usage":[],"choices":{}}`,
		`{"content":[[],7,{}],"output":[[],7,{}],"data":[[],7,{}],"results":[[],7,{}],"messages":[[],7,{}],"input":[7,{}],"tools":[7,{}]}`,
	}
	for _, d := range Dialects() {
		ep := &Endpoint{Name: "x", Dialect: d, Kind: Inference}
		for _, body := range bodies {
			Inspect(ep, http.Header{}, []byte(body), "id")
			ErrorAsEvent(d, []byte(body))
			ModelPlace(d, true, []byte(body))
			for _, kind := range []string{"application/json", "text/event-stream"} {
				now := time.Now()
				r := NewRecorder(Asked{Endpoint: ep}, Primary, "x", now, RecorderOptions{KeepText: true})
				r.Header(200, http.Header{"Content-Type": {kind}}, now)
				sent := body
				if kind == "text/event-stream" {
					sent = "data: " + body + "\n\nevent: error\ndata: " + body + "\n\n"
				}
				r.Write([]byte(sent), now)
				if x := r.End(ClassNone, "", now); x.Bytes != int64(len(sent)) {
					t.Errorf("%s: %q: %d bytes of %d", d.Spec().Name, body, x.Bytes, len(sent))
				}
			}
		}
	}
}

// TestMembersOfOtherDialects: a member that only one dialect knows is passed
// over in the others.
func TestMembersOfOtherDialects(t *testing.T) {
	t.Parallel()
	for path, state := range map[string]string{"chat/completions": "audio_id", "responses": "", "messages": ""} {
		const said = `[{"role":"assistant","audio":{"id":"audio_1"}},{"role":"user","content":"hi"}]`
		f := readFacts(Lookup("POST", "/v1/"+path), []byte(`{"model":"m","messages":`+said+`,"input":`+said+`}`))
		if !f.Valid || f.Model != "m" || f.Stateful != state {
			t.Errorf("%s: %+v, want a valid request that is bound by %q", path, f, state)
		}
	}
}
