package upstream

import (
	"net/http"
	"net/url"
	"strings"
)

// AuthKind says where an upstream's key is sent.
type AuthKind uint8

// The kinds. NoAuth is the zero value: no key is sent unless configured.
const (
	NoAuth      AuthKind = iota // the caller's credentials are dropped, none are added
	Passthrough                 // the caller's own credentials, untouched
	SameHeader                  // our key, in whichever header the caller's key came; else a bearer token
	Bearer                      // Authorization: Bearer KEY
	XAPIKey                     // x-api-key: KEY (Anthropic)
	APIKey                      // api-key: KEY (Azure)
	InHeader                    // a header of the configured name
	InQuery                     // a query parameter of the configured name
)

// Auth is how calls to an upstream are authenticated. It must never be printed.
type Auth struct {
	Kind AuthKind
	Name string // of the header or query parameter
	Key  string
}

// String hides the key.
func (a Auth) String() string { return "[redacted]" }

// GoString hides the key from %#v.
func (a Auth) GoString() string { return "[redacted]" }

// credentialHeaders are the caller's keys, sessions and account names. They go only
// to the upstream that they were meant for.
var credentialHeaders = []string{
	"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key", "Cookie", "Cookie2",
	"Openai-Organization", "Openai-Project", "Anthropic-Workspace-Id", "Anthropic-User-Profile-Id",
	"X-Goog-User-Project", "X-Amz-Security-Token",
}

// credentialParams are query parameters that carry keys.
var credentialParams = []string{"key", "api_key", "api-key", "access_token"}

// apply edits h, a copy of the caller's header, and returns the query to send.
// What else of the caller's may go to the upstream is not decided here.
func (a *Auth) apply(h http.Header, from http.Header, query string) string {
	if a.Kind == Passthrough {
		return query
	}
	for _, k := range credentialHeaders {
		delete(h, k)
	}
	query = dropParams(query, credentialParams)
	switch a.Kind {
	case SameHeader:
		switch {
		case len(from["X-Api-Key"]) > 0:
			h["X-Api-Key"] = []string{a.Key}
		case len(from["Api-Key"]) > 0:
			h["Api-Key"] = []string{a.Key}
		case len(from["X-Goog-Api-Key"]) > 0:
			h["X-Goog-Api-Key"] = []string{a.Key}
		default:
			h["Authorization"] = []string{"Bearer " + a.Key}
		}
	case Bearer:
		h["Authorization"] = []string{"Bearer " + a.Key}
	case XAPIKey:
		h["X-Api-Key"] = []string{a.Key}
	case APIKey:
		h["Api-Key"] = []string{a.Key}
	case InHeader:
		h[http.CanonicalHeaderKey(a.Name)] = []string{a.Key}
	case InQuery:
		query = dropParams(query, []string{a.Name})
		if query != "" {
			query += "&"
		}
		query += url.QueryEscape(a.Name) + "=" + url.QueryEscape(a.Key)
	}
	return query
}

// dropParams removes parameters by name and leaves the rest of a raw query as
// written.
func dropParams(query string, names []string) string {
	if query == "" {
		return ""
	}
	kept := make([]string, 0, 4)
	for part := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if !containsFold(names, name) {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "&")
}

func containsFold(list []string, s string) bool {
	for _, x := range list {
		if strings.EqualFold(x, s) {
			return true
		}
	}
	return false
}
