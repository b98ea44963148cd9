package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"cutover/flags"
)

// adminPatience bounds one question to an admin API.
const adminPatience = 15 * time.Second

// adminStore is a running sidecar's flags, by its admin API.
type adminStore struct {
	base   string
	token  string
	client *http.Client
}

func newAdminStore(base, token string) (*adminStore, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("--admin %s is no URL like %s", quote(base), defaultAdmin)
	}
	return &adminStore{base: base, token: token, client: &http.Client{}}, nil
}

// Close lets the connections go.
func (a *adminStore) Close() error {
	a.client.CloseIdleConnections()
	return nil
}

// Fields returns what is stored.
func (a *adminStore) Fields(ctx context.Context) (flags.Fields, error) {
	l, err := a.list(ctx)
	if err == nil && l.StoreError != "" {
		err = errors.New(l.StoreError)
	}
	return flags.Fields{Version: l.StoreVersion, Values: l.Stored}, err
}

// Write makes a flip.
func (a *adminStore) Write(ctx context.Context, f flags.Flip) ([]flags.Entry, error) {
	body, err := json.Marshal(f)
	if err != nil {
		return nil, err
	}
	var out entryList
	err = a.ask(ctx, http.MethodPost, "/api/v1/flags", nil, body, &out)
	return out.Entries, err
}

// History returns the newest entries first.
func (a *adminStore) History(ctx context.Context, key string, limit int) ([]flags.Entry, error) {
	var out entryList
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if key != "" {
		q.Set("key", key)
	}
	err := a.ask(ctx, http.MethodGet, "/api/v1/flags/history", q, nil, &out)
	return out.Entries, err
}

func (a *adminStore) list(ctx context.Context) (flagList, error) {
	var out flagList
	err := a.ask(ctx, http.MethodGet, "/api/v1/flags", nil, nil, &out)
	return out, err
}

func (a *adminStore) explain(ctx context.Context, at flags.Attributes) (flags.Explanation, error) {
	var out flags.Explanation
	q := url.Values{
		"key": {at.TargetingKey}, "model": {at.Model}, "endpoint": {at.Endpoint},
		"tenant": {at.Tenant}, "stream": {strconv.FormatBool(at.Stream)},
	}
	err := a.ask(ctx, http.MethodGet, "/api/v1/flags/explain", q, nil, &out)
	return out, err
}

// ask sends one request and decodes the answer.
func (a *adminStore) ask(ctx context.Context, method, path string, q url.Values, body []byte, v any) error {
	ctx, cancel := context.WithTimeout(ctx, adminPatience)
	defer cancel()
	answer, err := a.send(ctx, method, path, q, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAPIBody))
	if err != nil {
		return fmt.Errorf("the admin API at %s broke off: %w", a.base, err)
	}
	if answer.StatusCode != http.StatusOK {
		return a.refused(answer.StatusCode, text)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s does not answer like a sidecar's admin API: is --admin the admin address (by default %s) and not the one for callers?", a.base, defaultAdmin)
	}
	return nil
}

func (a *adminStore) send(ctx context.Context, method, path string, q url.Values, body []byte) (*http.Response, error) {
	u, err := url.Parse(a.base)
	if err != nil {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	u = u.JoinPath(path)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("--admin: %w", err)
	}
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	answer, err := a.client.Do(req)
	if err != nil {
		return nil, resultsSource{Admin: a.base}.unreachable(err)
	}
	return answer, nil
}

// refused turns the API's error back into the store's.
func (a *adminStore) refused(status int, text []byte) error {
	var e flagsError
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
	return resultsSource{Admin: a.base}.refused(status, text)
}

// watch reads the stream of flips until ctx ends or the sidecar does.
func (a *adminStore) watch(ctx context.Context, emit func(*flags.Entry) error) error {
	answer, err := a.send(ctx, http.MethodGet, "/api/v1/flags/watch", nil, nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, err := io.ReadAll(io.LimitReader(answer.Body, maxAPIBody))
		return errors.Join(err, a.refused(answer.StatusCode, text))
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxFlagsBody)
	for lines.Scan() {
		var e *flags.Entry
		if len(lines.Bytes()) > 0 {
			e = &flags.Entry{}
			if err := json.Unmarshal(lines.Bytes(), e); err != nil {
				return fmt.Errorf("%s does not answer like a sidecar's admin API: %w", a.base, err)
			}
		}
		if err := emit(e); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("the sidecar at %s has ended the stream", a.base)
}
