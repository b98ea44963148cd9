package admin

import (
	"encoding/json"
	"net/http"
)

// ErrorBody is the body of every response of the API that is not a success. Code and
// the members below it are given by the routes that change flags.
type ErrorBody struct {
	Error string `json:"error"` // a sentence that says what to do
	// Code is "invalid", "conflict", "nothing_to_undo", "unreachable", "denied",
	// "wrong_type" or "failed".
	Code     string `json:"code,omitempty"`
	Key      string `json:"key,omitempty"`      // the flag of a conflict
	Expected string `json:"expected,omitempty"` // the value that the request expected; missing: not set
	Actual   string `json:"actual,omitempty"`   // the value that is stored; missing: not set
}

func respond(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// A reader that has gone away needs no error.
	_, _ = w.Write(append(b, '\n'))
}

func respondError(w http.ResponseWriter, status int, err error) {
	b, _ := json.Marshal(ErrorBody{Error: err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
