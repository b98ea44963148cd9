package admin

import (
	"encoding/json"
	"net/http"
)

// errorBody is the body of every response of the admin API that is not a success.
type errorBody struct {
	Error string `json:"error"`
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
	b, _ := json.Marshal(errorBody{Error: err.Error()})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}
