package config

import "strings"

// AuthKind says which credentials are sent to an upstream.
type AuthKind string

// The kinds of credentials.
const (
	AuthNone        AuthKind = "none"        // no credentials, not even the caller's
	AuthPassthrough AuthKind = "passthrough" // the caller's own
	AuthKey         AuthKind = "key"         // SECRET in the header that the caller's own key came in
	AuthBearer      AuthKind = "bearer"      // Authorization: Bearer SECRET
	AuthXAPIKey     AuthKind = "x_api_key"   // x-api-key: SECRET (Anthropic)
	AuthAPIKey      AuthKind = "api_key"     // api-key: SECRET (Azure)
	AuthHeader      AuthKind = "header"      // NAME: SECRET
	AuthQuery       AuthKind = "query"       // ?NAME=SECRET
)

// authSecretKinds are the kinds that need a secret; named says that they need
// a name too.
var authSecretKinds = [...]struct {
	kind  AuthKind
	named bool
}{{AuthKey, false}, {AuthBearer, false}, {AuthXAPIKey, false}, {AuthAPIKey, false}, {AuthHeader, true}, {AuthQuery, true}}

// Auth is the credentials for one upstream.
type Auth struct {
	Kind   AuthKind
	Name   string // of the header or query parameter, for AuthHeader and AuthQuery
	Secret Secret
}

// authForms is the message for an invalid value. It does not repeat the value,
// because people put keys there.
const authForms = "expected passthrough, none, or one of {key: SECRET}, {bearer: SECRET}, {x_api_key: SECRET}, {api_key: SECRET}, " +
	"{header: {name: NAME, value: SECRET}}, {query: {name: NAME, value: SECRET}} where SECRET is {env: NAME} or {file: PATH}"

// secretForm is the message for a secret in plain text.
const secretForm = "a secret can't be written here in plain text: use {env: NAME} for an environment variable or {file: PATH} for a file"

// authWord reads the one-word forms.
func authWord(text string) (Auth, bool) {
	switch k := AuthKind(strings.TrimSpace(text)); k {
	case AuthNone, AuthPassthrough:
		return Auth{Kind: k}, true
	}
	return Auth{}, false
}

// key is the dotted path of the secret below the auth key, for messages.
func (a Auth) key() string {
	switch a.Kind {
	case AuthHeader, AuthQuery:
		return string(a.Kind) + ".value"
	}
	return string(a.Kind)
}
