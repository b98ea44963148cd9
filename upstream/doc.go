// Package upstream knows how one provider is called: its URL, its credentials,
// its names for models, what must differ in a body that it gets, its transport
// and its limits of time. An Upstream is an LLM endpoint; "provider" is left to
// OpenFeature.
//
// A caller's secrets are copied only where Auth says Passthrough. Everything
// else drops them before the request is built, so no later step can leak them.
package upstream
