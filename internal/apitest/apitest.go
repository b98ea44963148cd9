// Package apitest holds the requests and responses of tests against an OpenAPI 3.1
// document.
package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Load reads a document; a part of it that breaks the rules of OpenAPI, or an
// example that does not fit its schema, fails the test.
func Load(t testing.TB, document []byte) *openapi3.T {
	t.Helper()
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(document)
	if err != nil {
		t.Fatalf("the OpenAPI document can't be read: %v", err)
	}
	if err := doc.Validate(loader.Context); err != nil {
		t.Fatalf("the OpenAPI document is not valid: %v", err)
	}
	return doc
}

// Transport passes requests on and checks each of them and its response. A request
// may break the document's rules only if the response is a client error, as tests of
// errors need it; a response may never. It is safe for concurrent use.
type Transport struct {
	t    testing.TB
	doc  *openapi3.T
	find routers.Router
	next http.RoundTripper

	mu   sync.Mutex
	seen map[string]bool // "GET /path 200"
}

// NewTransport checks what goes through next, or through the default transport.
func NewTransport(t testing.TB, document []byte, next http.RoundTripper) *Transport {
	t.Helper()
	if next == nil {
		next = http.DefaultTransport
	}
	doc := Load(t, document)
	find, err := gorillamux.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return &Transport{t: t, doc: doc, find: find, next: next, seen: map[string]bool{}}
}

// Unseen lists what the document describes and no test has made happen, as "GET /path
// 200"; what skip returns true for is left out.
func (c *Transport) Unseen(skip func(name string) bool) (missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for path, item := range c.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			for status := range operation.Responses.Map() {
				if name := method + " " + path + " " + status; !c.seen[name] && !skip(name) {
					missing = append(missing, name)
				}
			}
		}
	}
	return missing
}

// RoundTrip implements http.RoundTripper.
func (c *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		_ = req.Body.Close()
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	input, bad := c.request(req, body)
	switch {
	case input.Route == nil && resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed:
		c.t.Errorf("%s %s: status %d, but the document has no such operation: %v", req.Method, req.URL, resp.StatusCode, bad)
	case bad != nil && resp.StatusCode < http.StatusBadRequest:
		c.t.Errorf("%s %s %.500s: status %d for a request that breaks the document: %v", req.Method, req.URL, body, resp.StatusCode, bad)
	}
	if input.Route == nil {
		return resp, nil
	}
	c.mark(input.Route, resp.StatusCode)
	return resp, c.response(input, resp)
}

func (c *Transport) mark(route *routers.Route, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[route.Method+" "+route.Path+" "+strconv.Itoa(status)] = true
}

// request checks a request; input has no route if the document has none for it.
func (c *Transport) request(sent *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	req := sent.Clone(context.WithoutCancel(sent.Context()))
	req.Body = io.NopCloser(bytes.NewReader(body))
	input := &openapi3filter.RequestValidationInput{Request: req, QueryParams: req.URL.Query(), Options: &openapi3filter.Options{
		AuthenticationFunc:    openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus: true, // a status that is not in the document is an error
		MultiError:            true,
		SkipSettingDefaults:   true,
	}}
	var err error
	if input.Route, input.PathParams, err = c.find.FindRoute(req); err != nil {
		input.Route = nil
		return input, err
	}
	return input, openapi3filter.ValidateRequest(req.Context(), input)
}

// response checks a response. One without an end is checked line by line while it
// is read; any other is read here, whole.
func (c *Transport) response(input *openapi3filter.RequestValidationInput, resp *http.Response) error {
	name := input.Route.Method + " " + input.Route.Path
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/x-ndjson" {
		media := input.Route.Operation.Responses.Status(resp.StatusCode).Value.Content.Get(kind)
		resp.Body = &lines{ReadCloser: resp.Body, check: func(line []byte) {
			c.line(name, media.Schema.Value, line)
		}}
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	output := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: resp.StatusCode, Header: resp.Header, Options: input.Options,
	}
	output.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(input.Request.Context(), output); err != nil {
		c.t.Errorf("%s: status %d does not match the document: %v\n%.2000s", input.Request.URL, resp.StatusCode, err, body)
	}
	return nil
}

// lines checks each line of a body while it is read. Empty lines only show that the
// connection is alive.
type lines struct {
	io.ReadCloser
	check func(line []byte)
	rest  []byte
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.rest = append(l.rest, p[:n]...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			return n, err
		}
		if len(line) > 0 {
			l.check(line)
		}
		l.rest = rest
	}
}

func (c *Transport) line(name string, schema *openapi3.Schema, line []byte) {
	var v any
	err := json.Unmarshal(line, &v)
	if err == nil {
		err = schema.VisitJSON(v, openapi3.EnableJSONSchema2020(), openapi3.MultiErrors())
	}
	if err != nil {
		c.t.Errorf("%s: a line does not match the document: %v\n%.2000s", name, err, line)
	}
}
