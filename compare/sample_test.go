package compare

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"cutover/exchange"
)

func samplePair() Pair {
	p := chatPair("The quick brown fox; mail jane@example.com.", "The quack brown fox; mail jane@example.com.")
	p.Request.Body = []byte(`{"messages":[{"role":"user","content":"I am jane@example.com"}]}`)
	p.Relay.Completion.ToolCalls = []exchange.ToolCall{{Name: "send", Arguments: `{"to":"jane@example.com"}`}}
	p.Primary.Body, p.Relay.Body = []byte("data: jane@"), []byte("data: jane@")
	return p
}

func TestSamplesKeepWhatTheCaptureAllows(t *testing.T) {
	p := samplePair()
	r := Compare(p, Options{})
	for capture, want := range map[Capture]struct{ secret, text, body bool }{
		CaptureFull: {true, true, true}, CaptureRedacted: {false, true, false}, CaptureHashes: {false, false, false},
		CaptureNone: {false, false, false},
	} {
		s := NewSample(p, r, capture, Known{})
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b, []byte("jane")); got != want.secret {
			t.Errorf("%s: the address is there: %v", capture, got)
		}
		if got := strings.Contains(s.Relay.Text, "quack"); got != want.text {
			t.Errorf("%s: the text is there: %v", capture, got)
		}
		if got := s.Relay.Body != ""; got != want.body {
			t.Errorf("%s: the answer's raw body is there: %v", capture, got)
		}
		if capture == CaptureHashes && (s.Relay.Text == "" || s.Relay.Text == s.Primary.Text) {
			t.Errorf("digests: %+v", s)
		}
	}
	if c, err := ParseCapture(""); c != CaptureRedacted || err != nil {
		t.Errorf("the default: %v %v", c, err)
	}
	if c, err := ParseCapture("everything"); c != CaptureNone || err == nil {
		t.Errorf("a wrong word: %v %v", c, err)
	}
}

func TestSampleSideBySide(t *testing.T) {
	p := samplePair()
	p.Relay.Completion.FinishReason = "length"
	s := NewSample(p, Compare(p, Options{}), CaptureRedacted, Known{})
	var plain, colour strings.Builder
	if err := s.WriteText(&plain, TextStyle{Width: 90}); err != nil {
		t.Fatal(err)
	}
	if err := s.WriteText(&colour, TextStyle{Width: 90, Colour: true}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The [-quick-] brown fox", "│ The {+quack+} brown fox", `  "messages": [`, "text.truncated",
		"first token", "[email]", "names, numbers and keys removed"} {
		if !strings.Contains(plain.String(), want) {
			t.Errorf("no %q in\n%s", want, plain.String())
		}
	}
	if !strings.Contains(colour.String(), ansiRed+"quick"+ansiReset) || !strings.Contains(colour.String(), ansiGreen+"quack"+ansiReset) {
		t.Errorf("%q", colour.String())
	}
}

func TestColumnsKeepTheirWidth(t *testing.T) {
	left := wrap([]Piece{{"日本語のとても長い文章です。 and a verylongwordthatfitsinnoline of all", false}}, 12, marks{})
	for _, line := range left {
		if line.width > 12 {
			t.Errorf("%q is %d wide", line.text, line.width)
		}
	}
	if len(left) < 5 {
		t.Errorf("%v", left)
	}
}

// A response must not control the terminal of whoever looks at it.
func TestSamplesOfHostileAnswers(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2J\u202eabc\u0085<script>alert(1)</script><img src=x onerror=y>"
	p := chatPair(evil+" one", evil+" two")
	p.Request.Body = []byte(evil)
	p.Relay.Completion.ToolCalls = []exchange.ToolCall{{Name: evil, Arguments: evil}}
	s := NewSample(p, Compare(p, Options{}), CaptureFull, Known{})
	var text strings.Builder
	if err := s.WriteText(&text, TextStyle{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\x07\u202e\u0085") {
		t.Errorf("%q", text.String())
	}
}

func TestScoresAreExactInAFloat(t *testing.T) {
	r := Compare(samplePair(), Options{})
	for _, c := range Classes() {
		if s := c.Score(&r); s == 0 || s >= 1<<53 || uint64(float64(s)) != s {
			t.Errorf("%s: %d", c, s)
		}
	}
}
