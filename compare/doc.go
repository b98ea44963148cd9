// Package compare turns a Pair of answers to the same request into a Result,
// and Results into Summaries and reports. It is pure: no network, no clock, no
// store. Sentences that people read are made here; nothing here keeps text
// from a request or an answer in a Result.
package compare
