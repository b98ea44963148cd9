package main

import "slices"

// Table is all mutants; a file of this directory holds those of one subject.
func Table() []Mutant {
	return slices.Concat(
		evidence(), answers(), reports(), rollout(), money(), bucketing(), sampling(), limits(), fallback(), captures(),
	)
}

// mistake is a row of the table: the mistake in words, the old text, the new one.
type mistake [3]string

// in makes the rows of one file. tests are those of its package that must
// notice (go test -run), where all of them take long; "" is all.
func in(file, tests string, rows ...mistake) []Mutant {
	mutants := make([]Mutant, 0, len(rows))
	for _, r := range rows {
		mutants = append(mutants, Mutant{File: file, Tests: tests, Mistake: r[0], Old: r[1], New: r[2]})
	}
	return mutants
}
