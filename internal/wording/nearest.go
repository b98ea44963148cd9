// Package wording helps messages name what was wrong and what was meant.
package wording

import "strings"

// Nearest returns the name that a mistyped one most likely meant, or "" if none is
// close: at most one edit per three letters.
func Nearest(typed string, names []string) string {
	if len(typed) > longestName {
		return ""
	}
	best, bestDistance := "", len(typed)/3+2
	norm := strings.NewReplacer("-", "_", ".", "_")
	t := norm.Replace(strings.ToLower(typed))
	for _, name := range names {
		n := norm.Replace(strings.ToLower(name))
		d := editDistance(t, n)
		if d > max(len(t), len(n))/3+1 {
			continue
		}
		if d < bestDistance {
			best, bestDistance = name, d
		}
	}
	return best
}

// longestName bounds the work, which is quadratic in the length.
const longestName = 64

// editDistance counts the letters to insert, delete, replace or swap with their
// neighbor to turn a into b. It reads at most longestName letters of each.
func editDistance(a, b string) int {
	a, b = a[:min(len(a), longestName)], b[:min(len(b), longestName)]
	var before, last, row [longestName + 1]int
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
