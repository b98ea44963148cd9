// Package mergetest checks, in tests, that what sidecars count apart adds up to
// what one of them would have counted.
package mergetest

import (
	"testing"

	"pgregory.net/rapid"
)

// Kind is something that counts pieces of evidence and merges.
type Kind[T, E any] struct {
	Draw  func(*rapid.T) E
	Add   func(*T, E)
	Merge func(*T, T)
	Says  func(T) any // all that it says, comparable
}

// Check checks what a fleet relies on, whoever saw what and whoever is asked
// first: merging has an identity, is commutative and associative, equals adding
// everything to one, and the order of evidence makes no difference.
func Check[T, E any](t *testing.T, k Kind[T, E]) {
	t.Helper()
	rapid.Check(t, func(t *rapid.T) {
		evidence := rapid.SliceOfN(rapid.Custom(k.Draw), 0, 30).Draw(t, "evidence")
		of := func(part []E) (out T) {
			for _, e := range part {
				k.Add(&out, e)
			}
			return out
		}
		merged := func(parts ...func() T) (out T) {
			for _, part := range parts {
				k.Merge(&out, part())
			}
			return out
		}
		i := rapid.IntRange(0, len(evidence)).Draw(t, "first cut")
		j := rapid.IntRange(i, len(evidence)).Draw(t, "second cut")
		// Made anew for each use: what is merged into must not show elsewhere.
		a := func() T { return of(evidence[:i]) }
		b := func() T { return of(evidence[i:j]) }
		c := func() T { return of(evidence[j:]) }
		none := func() (out T) { return out }
		ab := func() T { return merged(a, b) }
		bc := func() T { return merged(b, c) }

		want := k.Says(of(evidence))
		for name, got := range map[string]T{
			"merged":                  merged(a, b, c),
			"merged the other way":    merged(c, b, a),
			"(a b) c":                 merged(ab, c),
			"a (b c)":                 merged(a, bc),
			"with nothing before":     merged(none, a, b, c),
			"with nothing behind":     merged(a, b, c, none),
			"added in another order":  of(rapid.Permutation(evidence).Draw(t, "order")),
			"added to what is merged": func() T { out := ab(); addAll(&out, evidence[j:], k.Add); return out }(),
		} {
			if said := k.Says(got); said != want {
				t.Fatalf("%s: %v, want %v", name, said, want)
			}
		}
	})
}

func addAll[T, E any](to *T, evidence []E, add func(*T, E)) {
	for _, e := range evidence {
		add(to, e)
	}
}
