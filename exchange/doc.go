// Package exchange holds what was said between a caller and a provider: the
// Request, the Exchange (one answer to it, with its clock), the endpoint table,
// and the side parse of JSON and server-sent events into a Completion and a
// Usage.
//
// It imports nothing of cutover, starts no goroutine and does no input or
// output: bytes and times come in, facts come out. Everything that arrives
// here is untrusted; no input makes it panic or grow beyond its bounds.
package exchange
