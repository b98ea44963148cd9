// Package flags decides, for each request, what the relay may do with it: serve
// it, be mirrored to, hide its failures. The six flags are OpenFeature flags.
// Their values come from Redis, from a watched file or from configuration, and
// are held as one immutable compiled snapshot behind an atomic pointer, so that
// a request reads memory and nothing else:
//
//	Redis hash ─┐
//	flags file ─┼─> reading ─> snapshot ─> Decide(attributes) ─> Decision
//	defaults   ─┘                  └─────> OpenFeature provider
//
// A Set never fails a request. When its source is gone, emptied or broken it
// keeps the last good values, turns STALE and says why in State, in the log and
// in its metrics; it becomes READY by itself once the source is well again.
//
// Writers (the command line, the admin API, a rollout's controller) go through
// Store, which validates, compares before it sets, and leaves an audit entry.
//
// The package imports nothing of cutover and can serve other Go programs as an
// OpenFeature provider: see NewProvider.
package flags
