package dashboards_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/dashboards"
)

func get(t *testing.T, c dashboards.Console) (*http.Response, string) {
	t.Helper()
	srv := httptest.NewServer(c)
	defer srv.Close()
	resp, err := http.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestConsoleShowsTheReport(t *testing.T) {
	t.Parallel()
	resp, page := get(t, dashboards.Console{Report: func(context.Context) (compare.Report, error) {
		return compare.NewReport(&compare.Summary{}, compare.ReportOptions{Now: time.Unix(0, 0)}), nil
	}})
	if resp.StatusCode != http.StatusOK || !strings.Contains(page, "No data") {
		t.Errorf("%d %.300q, want a page that says that there is no data", resp.StatusCode, page)
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") ||
		strings.Contains(page, "<script") {
		t.Errorf("policy %q; the page must hold no script", policy)
	}
}

func TestConsoleSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	resp, page := get(t, dashboards.Console{Report: func(context.Context) (compare.Report, error) {
		return compare.Report{}, errors.New("the store is away")
	}})
	if resp.StatusCode != http.StatusInternalServerError || !strings.Contains(page, "the store is away") {
		t.Errorf("%d %q", resp.StatusCode, page)
	}
}
