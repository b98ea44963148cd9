// Package upstream knows how one provider is called: its URL, its credentials, its
// names for models, the edits to its requests' bodies, its transport and its
// timeouts. An Upstream is an LLM endpoint; "provider" is OpenFeature's word.
//
// A caller's secrets are copied only if Auth is Passthrough. Otherwise they are
// dropped before the request is built, so that no later step can leak them.
package upstream
