// Package dashboards holds the pages that people look at: the console, reports
// and samples. They show what compare says and read nothing by themselves.
package dashboards

import (
	"bytes"
	"context"
	"net/http"

	"cutover/compare"
)

// Console is the page at the admin address: the report on everything compared so
// far. It holds no script and loads nothing.
type Console struct {
	// Report makes the current report.
	Report func(context.Context) (compare.Report, error)
}

// ServeHTTP shows the report, which holds no text of a request or a response.
func (c Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	report, err := c.Report(r.Context())
	var page bytes.Buffer
	if err == nil {
		err = WriteReport(&page, &report)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if err != nil {
		http.Error(w, "The report can't be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy",
		"default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	_, _ = page.WriteTo(w) // the only error is that the reader has gone away
}
