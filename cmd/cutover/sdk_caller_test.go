package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/anthropics/anthropic-sdk-go"
	anthropicoption "github.com/anthropics/anthropic-sdk-go/option"
	anthropic2 "github.com/anthropics/anthropic-sdk-go/v2"
	anthropic2option "github.com/anthropics/anthropic-sdk-go/v2/option"
	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// caller is somebody's program: the official SDKs, pointed at one address, and
// a transcript of what they returned.
type caller struct {
	ctx      context.Context
	provider *provider // who responds in the end
	url      string    // where it calls
	key      string
	retries  int
	wire     *wire
	http     *http.Client
	seen     []string
}

func newCaller(t testing.TB, url string, p *provider) *caller {
	client := newHTTPClient(t)
	w := &wire{next: client.Transport}
	return &caller{ctx: within(t), provider: p, url: url, key: callerKey, wire: w, http: &http.Client{Transport: w}}
}

func (c *caller) openai() openai.Client {
	return openai.NewClient(option.WithBaseURL(c.url+"/v1"), option.WithAPIKey(c.key), option.WithHTTPClient(c.http),
		option.WithOrganization("org-of-the-caller"), option.WithProject("proj-of-the-caller"),
		option.WithMaxRetries(c.retries))
}

func (c *caller) claude() anthropic.Client {
	return anthropic.NewClient(anthropicoption.WithBaseURL(c.url), anthropicoption.WithAPIKey(c.key),
		anthropicoption.WithHTTPClient(c.http), anthropicoption.WithMaxRetries(c.retries))
}

func (c *caller) claude2() anthropic2.Client {
	return anthropic2.NewClient(anthropic2option.WithBaseURL(c.url), anthropic2option.WithAPIKey(c.key),
		anthropic2option.WithHTTPClient(c.http), anthropic2option.WithMaxRetries(c.retries))
}

// sees adds to the transcript.
func (c *caller) sees(format string, args ...any) {
	c.seen = append(c.seen, fmt.Sprintf(format, args...))
}

// transcript is what the SDKs returned, less what differs between any two calls.
func (c *caller) transcript() []string {
	n := newNormal()
	// A provider names itself in some responses, an SDK the address that it called.
	address := strings.NewReplacer(c.url, "http://HERE", c.provider.url, "http://HERE")
	var out []string
	for _, line := range c.seen {
		out = append(out, n.text(address.Replace(line)))
	}
	return out
}

// raw is what every object of the three SDKs can do.
type raw interface{ RawJSON() string }

// object notes one response, or the error in its place.
func (c *caller) object(v raw, err error) {
	if err != nil {
		c.fails(err)
		return
	}
	c.sees("%T %s", v, v.RawJSON())
}

// must is object for calls that have to succeed, or the scenario proves little.
func (c *caller) must(v raw, err error) {
	c.object(v, err)
	if err != nil {
		c.sees("%s", unexpected)
	}
}

// require notes that something the scenario is about did not happen.
func (c *caller) require(ok bool, what string) {
	if !ok {
		c.sees("%s: %s", unexpected, what)
	}
}

// sent requires the values of a header in all requests that arrived so far.
func (c *caller) sent(name string, want ...string) {
	var got []string
	for _, e := range c.provider.Journal() {
		got = append(got, e.Header.Get(name))
	}
	c.require(slices.Equal(got, want), fmt.Sprintf("the requests bear %s: %q, want %q", name, got, want))
}

// unexpected in a transcript fails the test, also when both transcripts have it.
const unexpected = "UNEXPECTED"

// fails notes an error with all the fields that the SDK's own type has.
func (c *caller) fails(err error) {
	var o *openai.Error
	var a *anthropic.Error
	var a2 *anthropic2.Error
	switch {
	case err == nil:
		c.sees("no error")
	case errors.As(err, &o):
		c.sees("openai.Error %d type %q code %q param %q message %q raw %s", o.StatusCode, o.Type, o.Code, o.Param, o.Message, o.RawJSON())
		c.rest(o.Response)
	case errors.As(err, &a):
		c.sees("anthropic.Error %d type %q request %s raw %s: %v", a.StatusCode, a.Type(), a.RequestID, a.RawJSON(), a)
		c.rest(a.Response)
	case errors.As(err, &a2):
		c.sees("anthropic.Error/2 %d type %q request %s raw %s: %v", a2.StatusCode, a2.Type(), a2.RequestID, a2.RawJSON(), a2)
		c.rest(a2.Response)
	default:
		c.sees("%T %v", errors.Unwrap(err), err)
	}
}

// rest notes what an error's response still holds.
func (c *caller) rest(r *http.Response) {
	if r == nil {
		return
	}
	b, err := io.ReadAll(r.Body)
	c.sees("its response: %s %q %q %v", r.Status, r.Header.Get("Content-Type"), b, err)
}

// events is what the streams of all SDKs can do.
type events[E raw] interface {
	Next() bool
	Current() E
	Err() error
	Close() error
}

// follow notes every event of a stream and its end.
func follow[E raw](c *caller, s events[E], each func(E)) {
	for s.Next() {
		c.sees("event %s", s.Current().RawJSON())
		if each != nil {
			each(s.Current())
		}
	}
	if err := s.Err(); err != nil {
		c.fails(err)
	} else {
		c.sees("end of the stream")
	}
	if err := s.Close(); err != nil {
		c.sees("close: %v", err)
	}
}

// whole is follow for streams that have to come whole.
func whole[E raw](c *caller, s events[E], each func(E)) {
	follow(c, s, each)
	c.require(s.Err() == nil, "the stream broke")
}
