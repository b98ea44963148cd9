package exchange

import "strings"

// UnknownModel reports whether the call failed because the provider has no such
// model, or has none for this key. Providers say so in many ways: by a code of
// their own, by a 404 that mentions a model, or in the message only.
func (e *Exchange) UnknownModel() bool {
	return e.Class != ClassNone && e.Completion.deniesModel()
}

func (c *Completion) deniesModel() bool {
	return c.NoModel || modelCode(c.ErrorCode) || modelCode(c.ErrorType)
}

func modelCode(code string) bool {
	switch code {
	case "model_not_found", "model_not_available", "invalid_model", "unknown_model", "DeploymentNotFound":
		return true
	}
	return false
}

// deniesModel reports whether an error's message says that there is no such
// model. A 404 that mentions a model at all does: the provider serves the path.
func deniesModel(status int, message string) bool {
	const enough = 1 << 10
	message = strings.ToLower(message[:min(len(message), enough)])
	if !strings.Contains(message, "model") {
		return false
	}
	if status == 404 {
		return true
	}
	for _, phrase := range [...]string{
		"not found", "not exist", "no such model", "unknown model", "invalid model", "not a valid model", "no available channel",
	} {
		if strings.Contains(message, phrase) {
			return true
		}
	}
	return false
}

// labelLimit is the longest name that Label passes.
const labelLimit = 96

// Label makes a name that a provider or caller chose fit for logs, metrics and
// reports: identifiers pass, anything else becomes "other", so that no text can
// hide in a name.
func Label(s string) string {
	if len(s) > labelLimit {
		return "other"
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == '.', c == ':', c == '/', c == '@', c == '+':
		default:
			return "other"
		}
	}
	return s
}
