// Package flags decides, for each request, what happens with the relay: whether
// it serves the request, whether the request is mirrored, and whether the primary
// steps in when the relay fails. The six flags are OpenFeature flags. Their values
// come from Redis, a watched file or the configuration, and are held as one
// immutable compiled snapshot behind an atomic pointer, so that a request reads
// memory and nothing else:
//
//	Redis hash ─┐
//	flags file ─┼─> reading ─> snapshot ─> Decide(attributes) ─> Decision
//	defaults   ─┘                  └─────> OpenFeature provider
//
// A Set never fails a request. When its source is unreachable, emptied or broken
// it keeps the last good values, turns STALE and reports why in State, in the log
// and in its metrics. It returns to READY on its own once the source recovers.
//
// Writers (the command line, the admin API, a rollout's controller) go through
// Store, which validates, compares before it sets, and writes an audit entry.
//
// A new flag is defined in definitions.go and decides in decision.go. The package
// depends on nothing of cutover but the names of keys in Redis, and can serve other
// Go programs as an OpenFeature provider: see NewProvider.
package flags
