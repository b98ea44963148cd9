package exchange

// eventOrder checks the order of a stream's events. Unknown events are allowed
// anywhere: protocols grow.
type eventOrder struct {
	started  bool   // message_start was seen
	begun    bool   // any event was
	open     uint64 // content blocks under construction, by index
	sequence int    // the least sequence number that may follow
}
