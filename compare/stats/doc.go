// Package stats is the mathematics of the evidence: tests and confidence
// sequences that stay valid however often and whenever one looks at them.
// Every state merges by addition, so that a fleet's figures do not depend on
// which sidecar saw which pair, or in which order.
//
// Each file holds one method; its comment gives the formula, the source and
// the golden values that its tests hold. Golden values were computed by two
// independent programs.
package stats
