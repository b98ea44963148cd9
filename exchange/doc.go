// Package exchange holds what passes between a caller and a provider: the
// Request, the Exchange (one response to it, with its times), the endpoint
// table, the dialects, and the side parse of JSON and server-sent events into a
// Completion and a Usage.
//
// Everything special to one API dialect stands in dialect_<name>.go, behind the
// table in dialect.go.
//
// It imports nothing of cutover, starts no goroutine and does no input or
// output: bytes and times come in, facts come out. Everything that arrives
// here is untrusted; no input makes it panic or grow beyond its bounds.
package exchange
