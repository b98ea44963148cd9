package admin

import "net/http"

// HaltRequest is the body of POST /api/v1/flags/halt and /resume.
type HaltRequest struct {
	Who string `json:"who,omitempty"` // left out: the name of the token
	Why string `json:"why,omitempty"` // the reason
}

func (api flagsAPI) halt(w http.ResponseWriter, r *http.Request) { api.switchHalt(w, r, api.Set.Halt) }
func (api flagsAPI) resume(w http.ResponseWriter, r *http.Request) {
	api.switchHalt(w, r, api.Set.Resume)
}

func (api flagsAPI) switchHalt(w http.ResponseWriter, r *http.Request, do func(who, why string) error) {
	var in HaltRequest
	if err := readFlagsBody(r, &in); err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	if err := do(api.who(in.Who), in.Why); err != nil {
		respondFlagsError(w, err)
		return
	}
	respond(w, api.Set.State())
}
