package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"

	"github.com/gorilla/mux"

	"cutover/flags"
	"cutover/internal/wording"
)

// MaxFlagsBody bounds what a request may send: a flags file with every value
// at its limit is smaller.
const MaxFlagsBody = 4 << 20

// flagsAPI serves the flags of one sidecar, and writes them where they live.
type flagsAPI struct {
	Set *flags.Set
	// Actor names who calls when the request does not say.
	Actor string
}

// register adds the routes. The guard has checked token and origin before they are
// reached.
func (api flagsAPI) register(r *mux.Router) {
	handle := func(method, path, name string, h http.HandlerFunc) {
		r.HandleFunc(path, h).Methods(method).Name(name)
	}
	const base = "/api/v1/flags"
	handle(http.MethodGet, base, "flags", api.list)
	handle(http.MethodPost, base, "flags-flip", api.flip)
	handle(http.MethodGet, base+"/history", "flags-history", api.history)
	handle(http.MethodPost, base+"/undo", "flags-undo", api.undo)
	handle(http.MethodPost, base+"/halt", "flags-halt", api.halt)
	handle(http.MethodPost, base+"/resume", "flags-resume", api.resume)
	handle(http.MethodGet, base+"/export", "flags-export", api.export)
	handle(http.MethodPost, base+"/import", "flags-import", api.importFile)
	handle(http.MethodGet, base+"/watch", "flags-watch", api.watch)
	handle(http.MethodGet, base+"/explain", "flags-explain", api.explain)
	handle(http.MethodGet, base+"/{key}", "flags-get", api.get)
	handle(http.MethodPut, base+"/{key}", "flags-set", api.put)
	handle(http.MethodDelete, base+"/{key}", "flags-unset", api.unset)
}

// FlagRow is one flag: what is in force here, and what is stored.
type FlagRow struct {
	flags.View
	Stored *flags.Field `json:"stored"` // null: not set
}

// FlagList is the body of GET /api/v1/flags.
type FlagList struct {
	State  flags.State            `json:"state"`
	Stored map[string]flags.Field `json:"stored"` // everything that is stored, shared rules included
	// StoreVersion is the version of what is stored; State.Version that of what
	// is in force.
	StoreVersion uint64    `json:"store_version"`
	StoreError   string    `json:"store_error,omitempty"` // why the stored part is missing
	Flags        []FlagRow `json:"flags"`                 // the six flags in their order, then any others by key
}

func (api flagsAPI) list(w http.ResponseWriter, r *http.Request) {
	respond(w, api.rows(r.Context()))
}

func (api flagsAPI) rows(ctx context.Context) FlagList { return ListFlags(ctx, api.Set) }

// ListFlags joins what is in force with who set it. The latter is left out while the
// store can't be reached; what is in force is always known.
func ListFlags(ctx context.Context, set *flags.Set) FlagList {
	list := FlagList{State: set.State(), Stored: map[string]flags.Field{}}
	if fields, err := set.Store().Fields(ctx); err != nil {
		list.StoreError = err.Error()
	} else {
		list.Stored, list.StoreVersion = fields.Values, fields.Version
	}
	for _, v := range set.Views() {
		row := FlagRow{View: v}
		if f, ok := list.Stored[v.Key]; ok {
			row.Stored = &f
		}
		list.Flags = append(list.Flags, row)
	}
	return list
}

func (api flagsAPI) get(w http.ResponseWriter, r *http.Request) {
	key := mux.Vars(r)["key"]
	list := api.rows(r.Context())
	i := slices.IndexFunc(list.Flags, func(row FlagRow) bool { return row.Key == key })
	if i < 0 {
		respondError(w, http.StatusNotFound, UnknownFlag(key))
		return
	}
	respond(w, list.Flags[i])
}

// UnknownFlag says that there is no such flag, and which one may be meant.
func UnknownFlag(key string) error {
	if near := wording.Nearest(key, flags.Keys()); near != "" {
		return fmt.Errorf("there is no flag %s: did you mean %s?", wording.Quote(key), near)
	}
	return fmt.Errorf("there is no flag %s: known are %s", wording.Quote(key), wording.List(flags.Keys()))
}

// FlagSetting is the body of PUT /api/v1/flags/{key}.
type FlagSetting struct {
	Value  json.RawMessage `json:"value"`            // a string, a number, a boolean or a flagd definition
	Expect *string         `json:"expect,omitempty"` // the stored value, "" for not set; null: whatever it is
	Why    string          `json:"why,omitempty"`    // the reason, for the audit
	Who    string          `json:"who,omitempty"`    // for the audit; left out: the name of the token
}

func (api flagsAPI) put(w http.ResponseWriter, r *http.Request) {
	var in FlagSetting
	if err := readFlagsBody(r, &in); err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	value, err := settingText(in.Value)
	if err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	change := flags.Change{Key: mux.Vars(r)["key"], Value: &value, Expect: in.Expect}
	api.write(w, r, flags.Flip{Who: in.Who, Why: in.Why, Changes: []flags.Change{change}})
}

// settingText writes a value from JSON as a store holds it.
func settingText(raw json.RawMessage) (string, error) {
	var s string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "", errors.New("value is missing: to unset a flag use DELETE")
	case json.Unmarshal(raw, &s) == nil:
		return s, nil
	case raw[0] == '[':
		return "", errors.New("value is a list: expected a string, a number, a boolean or a flag definition")
	}
	return string(raw), nil
}

func (api flagsAPI) unset(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	c := flags.Change{Key: mux.Vars(r)["key"]}
	if q.Has("expect") {
		expect := q.Get("expect")
		c.Expect = &expect
	}
	api.write(w, r, flags.Flip{Who: q.Get("who"), Why: q.Get("why"), Changes: []flags.Change{c}})
}

// flip makes several changes, all or none.
func (api flagsAPI) flip(w http.ResponseWriter, r *http.Request) {
	var in flags.Flip
	if err := readFlagsBody(r, &in); err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	api.write(w, r, in)
}

func (api flagsAPI) importFile(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxFlagsBody))
	if err != nil {
		respondError(w, http.StatusBadRequest, fmt.Errorf("the body can't be read: %w", err))
		return
	}
	fields, err := flags.ParseFile(data)
	if err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	have, err := api.Set.Store().Fields(r.Context())
	if err != nil {
		respondFlagsError(w, err)
		return
	}
	q := r.URL.Query()
	flip := flags.ImportFlip(have, fields, q.Get("replace") == "true")
	flip.Who, flip.Why = q.Get("who"), q.Get("why")
	if len(flip.Changes) == 0 {
		respond(w, EntryList{Entries: []flags.Entry{}})
		return
	}
	api.write(w, r, flip)
}

// UndoRequest is the body of POST /api/v1/flags/undo.
type UndoRequest struct {
	Who string `json:"who,omitempty"` // for the audit; left out: the name of the token
	Why string `json:"why,omitempty"` // the reason, for the audit
}

func (api flagsAPI) undo(w http.ResponseWriter, r *http.Request) {
	var in UndoRequest
	if err := readFlagsBody(r, &in); err != nil {
		respondError(w, http.StatusBadRequest, err)
		return
	}
	entries, err := flags.Undo(r.Context(), api.Set.Store(), api.who(in.Who), in.Why)
	respondEntries(w, entries, err)
}

func (api flagsAPI) write(w http.ResponseWriter, r *http.Request, f flags.Flip) {
	f.Who = api.who(f.Who)
	entries, err := api.Set.Store().Write(r.Context(), f)
	respondEntries(w, entries, err)
}

// who is the name for the audit: what the request says, else the name of the token.
func (api flagsAPI) who(claimed string) string {
	if claimed != "" {
		return claimed
	}
	return api.Actor
}

// EntryList is the body of history and of every flip.
type EntryList struct {
	Entries []flags.Entry `json:"entries"` // the changes
}

func respondEntries(w http.ResponseWriter, entries []flags.Entry, err error) {
	if err != nil {
		respondFlagsError(w, err)
		return
	}
	if entries == nil {
		entries = []flags.Entry{}
	}
	respond(w, EntryList{Entries: entries})
}

func (api flagsAPI) history(w http.ResponseWriter, r *http.Request) {
	limit := 100
	if v := r.URL.Query().Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 10_000 {
			respondError(w, http.StatusBadRequest, fmt.Errorf("limit: %s is not a whole number from 1 to 10000", wording.Quote(v)))
			return
		}
		limit = n
	}
	entries, err := api.Set.Store().History(r.Context(), r.URL.Query().Get("key"), limit)
	respondEntries(w, entries, err)
}

// export writes a flagd file; with all=true also flags that are not set, with
// the values in force here.
func (api flagsAPI) export(w http.ResponseWriter, r *http.Request) {
	stored, err := api.Set.Store().Fields(r.Context())
	if err != nil {
		respondFlagsError(w, err)
		return
	}
	fields := map[string]string{}
	if r.URL.Query().Get("all") == "true" {
		for _, v := range api.Set.Views() {
			fields[v.Key] = v.Value
		}
	}
	for key, f := range stored.Values {
		fields[key] = f.Value
	}
	file, err := flags.Export(fields)
	if err != nil {
		respondError(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Disposition", `attachment; filename="flags.flagd.json"`)
	_, _ = w.Write(file) // the only error is that the reader has gone away
}

func (api flagsAPI) explain(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !q.Has("key") {
		respondError(w, http.StatusBadRequest, errors.New("key is missing: the targeting key of the caller to explain"))
		return
	}
	respond(w, api.Set.Explain(flags.Attributes{
		TargetingKey: q.Get("key"), Model: q.Get("model"), Endpoint: q.Get("endpoint"),
		Tenant: q.Get("tenant"), Stream: q.Get("stream") == "true",
	}))
}

// readFlagsBody reads JSON strictly: a mistyped "expect" must not be ignored.
func readFlagsBody(r *http.Request, v any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, MaxFlagsBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("the body is not the JSON that is expected: %w", err)
	}
	return nil
}
