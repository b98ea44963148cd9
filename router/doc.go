// Package router is the data plane: it takes a caller's request, decides once
// who serves it, and passes the answer on byte for byte as it comes.
//
//	ServeHTTP ─ body ─ facts ─ Decide ─┬─ Mirror (starts the copy, never waits)
//	                                   └─ call ─ commit ─ copy ─ finish
//
// On the way of a request there is no lock, no disk and no network but the
// upstream's own. Bytes are flushed to the caller before they are looked at.
package router
