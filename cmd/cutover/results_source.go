package main

import (
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
)

// defaultAdmin is where a running sidecar's admin API listens unless told.
const defaultAdmin = "http://127.0.0.1:8081"

// adminTokenVariable holds the admin API's token, for commands that ask a
// running sidecar.
const adminTokenVariable = "CUTOVER_ADMIN_TOKEN"

// samplesKeyVariable holds the key with which samples are encrypted, for commands
// that read a data directory.
const samplesKeyVariable = "CUTOVER_SAMPLES_KEY"

// maxAPIBody bounds what is read from an admin API.
const maxAPIBody = 64 << 20

// resultsSource is where commands that look at results read them: from a
// running sidecar, from the Redis that a fleet shares, or from the data
// directory of a sidecar that is not running.
type resultsSource struct {
	Admin     string // base URL of the admin API; used when Data and Redis are empty
	Token     string // sent as a bearer token when not empty
	Data      string // data directory
	Redis     string // URL
	Namespace string // of the fleet in Redis
	Key       string // for encrypted samples in Data and Redis
}

// read takes the secrets from the environment.
func (s *resultsSource) read(getenv func(string) string) {
	s.Token, s.Key = getenv(adminTokenVariable), getenv(samplesKeyVariable)
	if s.Namespace == "" {
		s.Namespace = getenv("CUTOVER_NAMESPACE")
	}
}

// Report reads a report in the filter's scope.
func (s resultsSource) Report(ctx context.Context, f store.Filter, now time.Time) (report compare.Report, err error) {
	if s.online() {
		err = s.get(ctx, "/api/v1/report", queryOf(f), &report)
		return report, err
	}
	err = s.offline(func(db store.Backend) error {
		summary, err := db.Summary(ctx, f)
		report = summaryReport(&summary, f, now)
		return err
	})
	return report, err
}

// SampleResults reads the results of the kept samples that match, newest last.
func (s resultsSource) SampleResults(ctx context.Context, f store.Filter) (results []compare.Result, err error) {
	if s.online() {
		var list resultList
		err = s.get(ctx, "/api/v1/samples", queryOf(f), &list)
		return list.Results, err
	}
	err = s.offline(func(db store.Backend) error {
		results, err = db.SampleResults(ctx, f)
		return err
	})
	return results, err
}

// Sample reads one sample.
func (s resultsSource) Sample(ctx context.Context, id string) (sample compare.Sample, err error) {
	if s.online() {
		err = s.get(ctx, "/api/v1/samples/"+url.PathEscape(id), nil, &sample)
		return sample, err
	}
	err = s.offline(func(db store.Backend) error {
		sample, err = db.Sample(ctx, id)
		return err
	})
	return sample, err
}

// online reports whether a running sidecar is asked.
func (s resultsSource) online() bool { return s.Data == "" && s.Redis == "" }

// offline reads where the results are stored, without a sidecar.
func (s resultsSource) offline(read func(store.Backend) error) error {
	o := store.Options{ReadOnly: true, Key: []byte(s.Key)}
	if s.Data != "" {
		db, err := store.Open(s.Data, o)
		if err != nil {
			return err
		}
		return errors.Join(read(db), db.Close())
	}
	client, err := flags.DialRedis(flags.RedisOptions{URL: s.Redis, Namespace: s.Namespace})
	if err != nil {
		return usagef("--redis: %v", err)
	}
	db, err := store.NewRedis(client, s.Namespace, o)
	if err != nil {
		return errors.Join(err, client.Close())
	}
	return errors.Join(read(db), client.Close())
}

// get asks the admin API and decodes its JSON.
func (s resultsSource) get(ctx context.Context, path string, q url.Values, v any) error {
	base, err := url.Parse(s.Admin)
	if err != nil || base.Host == "" || (base.Scheme != "http" && base.Scheme != "https") {
		return fmt.Errorf("--admin %q is no URL like %s", s.Admin, defaultAdmin)
	}
	target := base.JoinPath(path)
	target.RawQuery = q.Encode()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fmt.Errorf("--admin: %w", err)
	}
	if s.Token != "" {
		req.Header.Set("Authorization", "Bearer "+s.Token)
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		return s.unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAPIBody))
	if err != nil {
		return fmt.Errorf("the admin API at %s broke off: %w", s.Admin, err)
	}
	if answer.StatusCode != http.StatusOK {
		return s.refused(answer.StatusCode, body)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%s does not answer like a sidecar's admin API: is --admin the admin address (by default %s) and not the one for callers?", s.Admin, defaultAdmin)
	}
	return nil
}

// unreachable says what to do when nothing answers.
func (s resultsSource) unreachable(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return fmt.Errorf("no sidecar answers at %s: start one (`cutover serve` or `cutover demo --stay`), name its admin address by --admin, or read a stopped one's data by --data DIR", s.Admin)
	}
	return fmt.Errorf("asking the sidecar at %s: %w", s.Admin, err)
}

// refused turns an answer that is no success into an error.
func (s resultsSource) refused(status int, body []byte) error {
	var e apiError
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Errorf("the admin API at %s wants a token: set %s", s.Admin, adminTokenVariable)
	case json.Unmarshal(body, &e) == nil && e.Error != "":
		return fmt.Errorf("the sidecar at %s: %s", s.Admin, strings.TrimSpace(e.Error))
	}
	return fmt.Errorf("%s answers %d %s: is --admin the sidecar's admin address (by default %s)?", s.Admin, status, http.StatusText(status), defaultAdmin)
}

// queryOf is the reverse of filterOf.
func queryOf(f store.Filter) url.Values {
	q := url.Values{}
	set := func(name, v string) {
		if v != "" {
			q.Set(name, v)
		}
	}
	set("model", f.Model)
	set("endpoint", f.Endpoint)
	set("code", f.Code)
	if f.Severity > 0 {
		q.Set("severity", f.Severity.String())
	}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.UTC().Format(time.RFC3339Nano))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}
