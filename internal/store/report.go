package store

import (
	"context"
	"time"

	"cutover/compare"
)

// Report reads what all pairs in the filter's scope come to, also those whose
// single results have expired, judged by the criteria. A limit is ignored: a report is about all.
func Report(ctx context.Context, from Summaries, f Filter, c compare.Criteria, now time.Time) (compare.Report, error) {
	f.Limit = 0
	summary, err := from.Summary(ctx, f)
	if err != nil {
		return compare.Report{}, err
	}
	scope := compare.Scope{Since: f.Since, Model: f.Model, Endpoint: f.Endpoint}
	return compare.NewReport(&summary, compare.ReportOptions{Scope: scope, Criteria: c, Now: now}), nil
}

// Summaries is the part of a Backend that a report is made from.
type Summaries interface {
	Summary(context.Context, Filter) (compare.Summary, error)
}
