// Package shadow is the mirror: it sends a copy of a served request to the
// other provider, pairs the two answers and hands the pair to the comparison.
//
//	Offer ──slot, bytes──> call ──┐
//	served exchange ──────────────┴─> pair ──queue──> compare ──> Sink
//
// The served call never waits for anything here. Where there is no room the
// copy is dropped and counted; every offered request ends in exactly one
// outcome.
package shadow
