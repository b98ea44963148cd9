// Package shadow is the mirror: it sends a shadow request to the provider that
// does not serve the caller, pairs the two responses and hands the pair to the
// comparison.
//
//	Offer ──limits──> shadow call ──┐
//	served exchange ────────────────┴─> pair ──queue──> compare ──> Sink
//
// The served call never waits for anything here. When a limit is reached the
// shadow request is dropped and counted; every offered request ends in exactly
// one outcome.
package shadow
