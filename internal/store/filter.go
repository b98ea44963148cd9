package store

import (
	"time"

	"cutover/compare"
)

// Filter chooses results; the zero value chooses all.
type Filter struct {
	Since    time.Time
	Model    string
	Endpoint string
	Code     string           // has a finding with this code
	Severity compare.Severity // its worst finding is at least this
	Limit    int              // the newest so many; 0: all
}

func (f *Filter) matches(r *compare.Result) bool {
	return (f.Since.IsZero() || !r.At.Before(f.Since)) &&
		(f.Model == "" || r.Model == f.Model) &&
		(f.Endpoint == "" || r.Endpoint == f.Endpoint) &&
		(f.Code == "" || r.Has(f.Code)) &&
		(f.Severity == 0 || r.Worst() >= f.Severity)
}
