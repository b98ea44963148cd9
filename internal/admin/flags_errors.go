package admin

import (
	"encoding/json"
	"errors"
	"net/http"

	"cutover/flags"
)

// respondFlagsError maps the store's errors to HTTP.
func respondFlagsError(w http.ResponseWriter, err error) {
	var (
		conflict    *flags.ConflictError
		invalid     *flags.InvalidError
		unavailable *flags.UnavailableError
	)
	status, body := http.StatusInternalServerError, ErrorBody{Error: err.Error(), Code: "failed"}
	switch {
	case errors.As(err, &conflict):
		status, body.Code = http.StatusConflict, "conflict"
		body.Key, body.Expected, body.Actual = conflict.Key, conflict.Expected, conflict.Actual
	case errors.As(err, &invalid):
		status, body.Code = http.StatusBadRequest, "invalid"
	case errors.Is(err, flags.ErrNothingToUndo):
		status, body.Code = http.StatusConflict, "nothing_to_undo"
	case errors.As(err, &unavailable):
		status, body.Code = http.StatusServiceUnavailable, unavailable.Code
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the only error is that the reader has gone away
}
