package compare

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"cutover/exchange"
)

// secretPair is a pair in which every text repeats keys, as providers do in their errors.
func secretPair(q http.Header, query string, secrets ...string) Pair {
	text := "no such key: " + strings.Join(secrets, ", ")
	p := chatPair(text, text)
	quoted, _ := json.Marshal(text)
	p.Request.Header, p.Request.RawQuery = q, query
	p.Request.Body = []byte(`{"messages":[{"role":"user","content":` + string(quoted) + `}]}`)
	for _, x := range []*exchange.Exchange{p.Primary, p.Relay} {
		x.Body = []byte(`{"error":{"message":` + string(quoted) + `}}`)
		x.Completion.Refusal = text
		x.Completion.ToolCalls = []exchange.ToolCall{{Name: "send", Arguments: `{"key":` + string(quoted) + `}`}}
	}
	return p
}

func TestNoCaptureKeepsKnownSecrets(t *testing.T) {
	const own, callers = "relay-own/key-PLANTED", "callers+key-PLANTED"
	basic := base64.StdEncoding.EncodeToString([]byte("jane:" + callers))
	for name, q := range map[string]struct {
		header http.Header
		query  string
	}{
		"bearer":    {http.Header{"Authorization": {"Bearer " + callers}}, ""},
		"x-api-key": {http.Header{"X-Api-Key": {callers}}, ""},
		"a gateway": {http.Header{"Cf-Aig-Authorization": {"Bearer " + callers}}, ""},
		"basic":     {http.Header{"Authorization": {"Basic " + basic}}, ""},
		"cookie":    {http.Header{"Cookie": {"a=b; session=" + callers}}, ""},
		"query":     {http.Header{}, "a=b&key=callers%2Bkey-PLANTED"},
	} {
		for _, capture := range []Capture{CaptureFull, CaptureRedacted, CaptureHashes, CaptureNone} {
			p := secretPair(q.header, q.query, own, callers)
			b, err := json.Marshal(NewSample(p, Compare(p, Options{}), capture, Known{Secrets: []string{own, "", "x"}}))
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(b), "PLANTED") {
				t.Errorf("%s, %s: a key is in the sample: %s", name, capture, b)
			}
			if capture == CaptureFull && strings.Count(string(b), secretMark) < 16 {
				t.Errorf("%s: a text is gone: %s", name, b)
			}
		}
	}
}

// What can't be replaced in a raw body is left out with it.
func TestBodiesThatHideASecret(t *testing.T) {
	const own = "relay-own-key-PLANTED"
	for name, c := range map[string]struct {
		body, text string
		cut        bool
	}{
		"spread over events":   {`data: {"c":"relay-own-"}` + "\n\n" + `data: {"c":"key-PLANTED"}`, own, false},
		"escaped":              {`{"c":"relay\u002down\u002Dkey-PLANTED"}`, "", false},
		"cut in the middle":    {`{"c":"my key is relay-own-key-PLAN`, "", true},
		"as it is":             {`{"c":"` + own + `"}`, own, false},
		"with slashes escaped": {`{"c":"` + own + `"}`, own, false},
	} {
		p := chatPair("x", c.text)
		p.Relay.Body, p.Relay.BodyCut = []byte(c.body), c.cut
		s := NewSample(p, Compare(p, Options{}), CaptureFull, Known{Secrets: []string{own}})
		for _, part := range []string{"PLAN", "relay-own-", `relay\u`} {
			if strings.Contains(s.Relay.Body, part) {
				t.Errorf("%s: the body holds %q: %s", name, part, s.Relay.Body)
			}
		}
	}
	p := chatPair("x", "y")
	p.Relay.Body = []byte(`{"c":"é \n nothing secret"}`)
	if s := NewSample(p, Compare(p, Options{}), CaptureFull, Known{Secrets: []string{own}}); s.Relay.Body != string(p.Relay.Body) {
		t.Errorf("a body without a secret became %q", s.Relay.Body)
	}
}

func TestPeopleAreHashedInRedactedSamples(t *testing.T) {
	p := chatPair("hello jane-PLANTED-1", "x")
	p.Request.Body = []byte(`{"user":"jane-PLANTED-1","safety_identifier":"jane-PLANTED-2","prompt_cache_key":"jane-PLANTED-3",` +
		`"metadata":{"user_id":"jane-PLANTED-4","plan":"gold","userId":"jane-PLANTED-5"},"end_user_id":12345678901,` +
		`"messages":[{"role":"user","content":"I am jane-PLANTED-1"}]}`)
	sample := func(salt string) string {
		b, err := json.Marshal(NewSample(p, Compare(p, Options{}), CaptureRedacted, Known{Salt: []byte(salt)}))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	one := sample("a")
	if strings.Contains(one, "PLANTED") || strings.Contains(one, "12345678901") || strings.Count(one, "[person ") != 8 {
		t.Errorf("people are in a redacted sample: %s", one)
	}
	if !strings.Contains(one, "gold") || !strings.Contains(one, `\"role\":\"user\"`) {
		t.Errorf("more than people is gone: %s", one)
	}
	if one != sample("a") || one == sample("b") {
		t.Error("the hashes do not depend on the salt alone")
	}
}
