package exchange

// Route is the one Decision about a request, as plain fields: nobody but the
// router reads flags.
type Route struct {
	Serve     Arm    // who serves the caller
	Reference Arm    // whom fallback goes to, and whom comparisons are against
	Relay     bool   // the relay may be called, and could serve this
	Fallback  bool   // a failing relay is hidden by the reference
	Noise     bool   // the reference is called twice
	Skip      string // why the request is not mirrored; "" means that it is
	Flags     uint64 // version of the flags that decided
}

// The reasons for which a request is not offered to the other provider.
const (
	SkipSample   = "not_sampled"    // outside shadow-percentage
	SkipRelayOff = "relay_disabled" // relay-enabled is false
	SkipEndpoint = "endpoint"       // not an inference endpoint
	SkipPath     = "path"           // an inference endpoint's name in another path: a slash too much, no /v1, or Azure's form
	SkipStateful = "stateful"       // the body names what only one provider has
	SkipSocket   = "websocket"      // a WebSocket: connected to the primary
	SkipBody     = "body_too_large" // over the capture limit, or streamed in
	SkipMemory   = "held_bodies"    // the memory for held bodies (server.held_bodies) was used up
	SkipInvalid  = "invalid_body"   // not a JSON object
	SkipEncoded  = "encoded_body"   // the request body is compressed, and so not read
	SkipStamp    = "already_shadow" // it is itself a shadow request
	SkipCaller   = "caller"         // the caller asked for it
	SkipOff      = "mirror_off"     // no mirror is running
)
