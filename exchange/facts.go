package exchange

import "net/http"

// ReadFacts reads what routing and mirroring need from a JSON request body, in
// one pass and without decoding the rest. Any bytes are allowed.
func ReadFacts(ep *Endpoint, body []byte) Facts { return Facts{} }

// TargetingKey finds the key by which a caller is bucketed, and where it was
// found: the header X-Cutover-Key ("header"); the body's safety_identifier,
// user, metadata.user_id, prompt_cache_key (each named so); else a hash of the
// conversation's beginning ("conversation"); else requestID ("request").
func TargetingKey(ep *Endpoint, h http.Header, body []byte, requestID string) (key, from string) {
	return requestID, "request"
}
