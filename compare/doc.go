// Package compare turns a Pair of responses to the same request into a Result, and
// Results into Summaries and reports. It is pure: no network, no clock, no store.
// The sentences of reports are made here; a Result holds no text of a request or
// a response.
package compare
