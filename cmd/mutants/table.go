package main

import "slices"

// Table is all mutants. A file of this directory for each subject.
func Table() []Mutant {
	return slices.Concat(bucketing())
}
