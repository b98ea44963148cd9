package compare

import "cutover/exchange"

// equalToolCalls reports whether two answers call the same tools with arguments
// that are equal as JSON. Order does not matter: calls made in parallel have
// none. Ids are each provider's own and don't count.
func equalToolCalls(a, b []exchange.ToolCall) bool {
	if len(a) != len(b) {
		return false
	}
	taken := make([]bool, len(b))
	for _, x := range a {
		found := false
		for j, y := range b {
			if !taken[j] && x.Name == y.Name && equalJSON(x.Arguments, y.Arguments) {
				taken[j], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
