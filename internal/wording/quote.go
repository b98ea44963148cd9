package wording

import (
	"fmt"
	"strings"
)

// Quote quotes user input, truncated so that a message stays one line.
func Quote(s string) string {
	const limit = 60
	if len(s) > limit {
		return fmt.Sprintf("%.*q...", limit, s)
	}
	return fmt.Sprintf("%q", s)
}

// List joins names with commas.
func List(names []string) string { return strings.Join(names, ", ") }
