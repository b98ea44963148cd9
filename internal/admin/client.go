package admin

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/store"
	"cutover/internal/usage"
	"cutover/internal/wording"
)

// DefaultURL is where a sidecar's admin API listens unless told otherwise.
const DefaultURL = "http://127.0.0.1:8081"

// TokenVariable is the environment variable with the admin API's token, for
// commands that ask a running sidecar.
const TokenVariable = "CUTOVER_ADMIN_TOKEN"

// callTimeout bounds one call to an admin API.
const callTimeout = 30 * time.Second

// maxResponse bounds what is read from an admin API, in bytes.
const maxResponse = 64 << 20

// Client calls the admin API of a running sidecar. Its flags are a flags.Store.
type Client struct {
	base  string
	token string // sent as a bearer token when not empty
	http  *http.Client
}

var _ flags.Store = (*Client)(nil)

// NewClient is a client for the API at base. It makes no call yet.
func NewClient(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usage.Errorf("--admin %s is not a URL like %s", wording.Quote(base), DefaultURL)
	}
	return &Client{base: base, token: token, http: &http.Client{}}, nil
}

// Close closes idle connections.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Fields returns what is stored.
func (c *Client) Fields(ctx context.Context) (flags.Fields, error) {
	l, err := c.List(ctx)
	if err == nil && l.StoreError != "" {
		err = errors.New(l.StoreError)
	}
	return flags.Fields{Version: l.StoreVersion, Values: l.Stored}, err
}

// Write makes a flip.
func (c *Client) Write(ctx context.Context, f flags.Flip) ([]flags.Entry, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	var out EntryList
	err = c.call(ctx, http.MethodPost, "/api/v1/flags", nil, body, &out)
	return out.Entries, err
}

// History returns the newest entries first.
func (c *Client) History(ctx context.Context, key string, limit int) ([]flags.Entry, error) {
	var out EntryList
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if key != "" {
		q.Set("key", key)
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/flags/history", q, nil, &out)
	return out.Entries, err
}

// List returns what is in force and what is stored.
func (c *Client) List(ctx context.Context) (FlagList, error) {
	var out FlagList
	err := c.call(ctx, http.MethodGet, "/api/v1/flags", nil, nil, &out)
	return out, err
}

// Explain says who would serve a caller, and why.
func (c *Client) Explain(ctx context.Context, at flags.Attributes) (flags.Explanation, error) {
	var out flags.Explanation
	q := url.Values{
		"key": {at.TargetingKey}, "model": {at.Model}, "endpoint": {at.Endpoint},
		"tenant": {at.Tenant}, "stream": {strconv.FormatBool(at.Stream)},
	}
	err := c.call(ctx, http.MethodGet, "/api/v1/flags/explain", q, nil, &out)
	return out, err
}

// call sends one request and decodes the response.
func (c *Client) call(ctx context.Context, method, path string, q url.Values, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	response, err := c.send(ctx, method, path, q, body)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
	if err != nil {
		return fmt.Errorf("the response of the admin API at %s was cut off: %w", c.base, err)
	}
	if response.StatusCode != http.StatusOK {
		return c.refused(response.StatusCode, text)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s does not respond like a sidecar's admin API: "+
			"is --admin the admin address (by default %s) and not the one for callers?", c.base, DefaultURL)
	}
	return nil
}

func (c *Client) send(ctx context.Context, method, path string, q url.Values, body []byte) (*http.Response, error) {
	u, err := url.Parse(c.base)
	if err != nil {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	u = u.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return response, nil
}

// refused turns the API's error back into the flags store's, or into one that
// says what to do.
func (c *Client) refused(status int, text []byte) error {
	var e ErrorBody
	if json.Unmarshal(text, &e) == nil {
		switch e.Code {
		case "conflict":
			return &flags.ConflictError{Key: e.Key, Expected: e.Expected, Actual: e.Actual}
		case "invalid":
			return &flags.InvalidError{Err: errors.New(e.Error)}
		case "nothing_to_undo":
			return flags.ErrNothingToUndo
		}
	}
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("the admin API at %s requires a token: set %s", c.base, TokenVariable)
	case e.Error != "":
		return fmt.Errorf("the sidecar at %s: %s", c.base, strings.TrimSpace(e.Error))
	}
	return fmt.Errorf("%s responds with %d %s: is --admin the sidecar's admin address (by default %s)?",
		c.base, status, http.StatusText(status), DefaultURL)
}

// Watch reads the stream of flips until ctx ends or the sidecar does.
func (c *Client) Watch(ctx context.Context, emit func(*flags.Entry) error) error {
	response, err := c.send(ctx, http.MethodGet, "/api/v1/flags/watch", nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(response.Body, maxResponse))
		return errors.Join(err, c.refused(response.StatusCode, text))
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, MaxFlagsBody)
	for lines.Scan() {
		var e *flags.Entry
		if len(lines.Bytes()) > 0 {
			e = &flags.Entry{}
			if err := json.Unmarshal(lines.Bytes(), e); err != nil {
				return fmt.Errorf("%s does not respond like a sidecar's admin API: %w", c.base, err)
			}
		}
		if err := emit(e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the sidecar at %s ended the stream", c.base)
}

// Halt stops the relay in this one sidecar, or, with resume, lets it go on.
func (c *Client) Halt(ctx context.Context, resume bool, in HaltRequest) (state flags.State, err error) {
	path := "/api/v1/flags/halt"
	if resume {
		path = "/api/v1/flags/resume"
	}
	body, err := json.Marshal(in)
	if err != nil {
		return state, err
	}
	err = c.call(ctx, http.MethodPost, path, nil, body, &state)
	return state, err
}

// Report returns a report in the filter's scope.
func (c *Client) Report(ctx context.Context, f store.Filter) (report compare.Report, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/report", f.Query(), nil, &report)
	return report, err
}

// SampleResults returns the results of the kept samples that match, newest last.
func (c *Client) SampleResults(ctx context.Context, f store.Filter) ([]compare.Result, error) {
	var list ResultList
	err := c.call(ctx, http.MethodGet, "/api/v1/samples", f.Query(), nil, &list)
	return list.Results, err
}

// Sample returns one sample.
func (c *Client) Sample(ctx context.Context, id string) (sample compare.Sample, err error) {
	err = c.call(ctx, http.MethodGet, "/api/v1/samples/"+url.PathEscape(id), nil, nil, &sample)
	return sample, err
}

// unreachable says what to do when nothing responds.
func (c *Client) unreachable(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no sidecar responds at %s: start one (`cutover serve` or `cutover demo --stay`), "+
			"name its admin address by --admin, or read a stopped one's data by --data DIR", c.base)
	}
	return fmt.Errorf("asking the sidecar at %s: %w", c.base, err)
}
