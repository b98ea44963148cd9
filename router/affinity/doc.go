// Package affinity remembers which provider created an id, so that requests
// that name it go back to that provider whatever the percentages say.
//
//	Find   request  -> Placement   the ids it names, looked up in the cache, then in the store
//	Learn  response -> cache, queue
//	Run    queue    -> store
package affinity
