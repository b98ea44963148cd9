package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"

	"cutover/exchange"
)

// Capture is how much of requests and responses a sample may keep.
type Capture string

// The captures. Redacted is the default.
const (
	CaptureNone     Capture = "none"     // figures only
	CaptureHashes   Capture = "hashes"   // digests, which only show whether texts are identical
	CaptureRedacted Capture = "redacted" // texts after Redact
	CaptureFull     Capture = "full"     // everything
)

// ParseCapture reads a capture's name; "" is CaptureRedacted.
func ParseCapture(s string) (Capture, error) {
	switch c := Capture(s); c {
	case CaptureNone, CaptureHashes, CaptureRedacted, CaptureFull:
		return c, nil
	case "":
		return CaptureRedacted, nil
	}
	return CaptureNone, fmt.Errorf("unknown capture %q: use full, redacted, hashes or none", s)
}

// Sample is a pair kept for people to look at.
type Sample struct {
	Result  Result     `json:"result"`
	Capture Capture    `json:"capture"`
	Request SampleBody `json:"request"`
	Primary SampleBody `json:"primary"`
	Relay   SampleBody `json:"relay"`
}

// SampleBody is a request's or a response's part of a sample. Its fields hold
// text, or digests of it, as the capture allows.
type SampleBody struct {
	Text      string              `json:"text,omitempty"`       // of a response
	Refusal   string              `json:"refusal,omitempty"`    // the refusal of a response
	ToolCalls []exchange.ToolCall `json:"tool_calls,omitempty"` // of a response
	// Body is the raw body: of a request for the captures full and redacted; of a
	// response for full only, since text that is split over a stream's events
	// can't be redacted, and the other fields hold it anyway.
	Body    string `json:"body,omitempty"`
	BodyCut bool   `json:"body_cut,omitempty"` // Body is only the beginning
}

// maxSampleText bounds each text of a sample, in bytes.
const maxSampleText = 256 << 10

// NewSample takes what the capture allows from a pair, without what is known to be secret.
func NewSample(p Pair, r Result, capture Capture, known Known) Sample {
	s := Sample{Result: r, Capture: capture}
	if capture == CaptureNone {
		return s
	}
	scrub := known.scrubber(p.Request)
	if p.Request != nil {
		body := p.Request.Body
		s.Request.BodyCut = len(body) > maxSampleText && capture != CaptureHashes
		switch capture {
		case CaptureHashes:
			s.Request.Body = digest(scrub.text(string(body)))
		case CaptureRedacted:
			// Redaction has to see all of it: half a body is not JSON.
			s.Request.Body = cut(scrub.requestBody(body))
			s.Request.BodyCut = len(s.Request.Body) == maxSampleText
		default:
			s.Request.Body = cut(scrub.body(body, false, false))
		}
	}
	s.Primary = sampleResponse(p.Primary, capture, scrub)
	s.Relay = sampleResponse(p.Relay, capture, scrub)
	return s
}

// sampleResponse takes what the capture allows from one response.
func sampleResponse(x *exchange.Exchange, capture Capture, scrub *scrubber) (s SampleBody) {
	if x == nil {
		return s
	}
	var keep, arguments func(string) string
	switch capture {
	case CaptureHashes:
		keep = func(text string) string { return digest(scrub.text(text)) }
		arguments = keep
	case CaptureRedacted:
		keep = func(text string) string { return cut(scrub.people.Replace(Redact(scrub.text(text)))) }
		arguments = func(text string) string {
			return cut(scrub.people.Replace(string(RedactJSON([]byte(scrub.text(text))))))
		}
	default:
		keep = func(text string) string { return cut(scrub.text(text)) }
		arguments = keep
		inText := scrub.found(x.Completion.Text) || scrub.found(x.Completion.Refusal)
		for _, call := range x.Completion.ToolCalls {
			inText = inText || scrub.found(call.Arguments)
		}
		s.Body, s.BodyCut = cut(scrub.body(x.Body, x.BodyCut, inText && len(x.Body) > 0)), x.BodyCut || len(x.Body) > maxSampleText
	}
	s.Text, s.Refusal = keep(x.Completion.Text), keep(x.Completion.Refusal)
	for _, call := range x.Completion.ToolCalls {
		kept := exchange.ToolCall{Name: keep(call.Name)}
		if call.Arguments != "" {
			kept.Arguments = arguments(call.Arguments)
		}
		s.ToolCalls = append(s.ToolCalls, kept)
	}
	return s
}

// digest shows whether two texts are identical, and nothing else to anybody who
// does not know them.
func digest(text string) string {
	if text == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:12])
}

func cut(text string) string {
	if len(text) > maxSampleText {
		return text[:maxSampleText]
	}
	return text
}

// Class is why a sample is kept.
type Class string

// The classes. Each keeps the samples with the highest scores, so that sets from
// many sidecars merge into the set that a single one would have kept.
const (
	ClassWorst   Class = "worst"   // by severity, then newest
	ClassNewest  Class = "newest"  // by time
	ClassUniform Class = "uniform" // by a hash of the id, so that every pair has the same chance
)

// Classes are all classes.
func Classes() []Class { return []Class{ClassWorst, ClassNewest, ClassUniform} }

// Score is a result's rank in a class; higher scores are kept. It is a whole
// number below 2^53, which a float64 holds exactly.
func (c Class) Score(r *Result) uint64 {
	switch c {
	case ClassWorst:
		// Seconds since 2020 fit into 33 bits for 270 years.
		const since = 1577836800
		at := uint64(max(r.At.Unix()-since, 0)) & (1<<33 - 1)
		return uint64(r.attention())<<33 | at
	case ClassNewest:
		return uint64(max(r.At.UnixMilli(), 0)) & (1<<53 - 1)
	case ClassUniform:
		h := fnv.New64a()
		_, _ = h.Write([]byte(r.ID))
		return mix(h.Sum64()) >> 11
	}
	return 0
}

// attention orders results by how much they deserve a look: 0 without a finding
// against the relay.
func (r *Result) attention() int {
	worst := -1
	for _, f := range r.Findings {
		if f.Arm != armPrimary {
			worst = max(worst, int(f.Severity))
		}
	}
	return worst + 1
}
