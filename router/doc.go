// Package router is the data plane: it takes a caller's request, decides once
// who serves it, and passes the response on byte for byte as it comes.
//
//	ServeHTTP ─ requestBody.read ─ route (the one Decision) ─┬─ Mirror (starts the shadow request, never waits)
//	                                                         └─ call: attempt ─ commit ─ deliver ─ finish
//
// Where to find what:
//
//	route.go         which provider serves, and whether the request is mirrored
//	call.go          the order of everything after that
//	attempt.go       one call to one upstream
//	holdback.go      buffering until the first output, while a fallback is possible
//	retry.go, fallback.go, hedge.go
//	deliver.go       from the commit to the last byte; resume.go where comments went before
//	caller.go        the connection to the caller: deadlines, comments, event boundaries
//	request_body.go  the body that goes out
//
// On the way of a request there is no lock, no disk and no network but the
// upstream's own. Bytes are flushed to the caller before they are looked at.
package router
