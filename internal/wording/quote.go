package wording

import (
	"fmt"
	"strings"
)

// Quote shows what somebody wrote, cut to one line's worth: a message is one line.
func Quote(s string) string {
	const limit = 60
	if len(s) > limit {
		return fmt.Sprintf("%.*q...", limit, s)
	}
	return fmt.Sprintf("%q", s)
}

// List puts names in a row, separated by commas.
func List(names []string) string { return strings.Join(names, ", ") }
