package permodel_test

import (
	"testing"

	"cutover/upstream/internal/permodel"
)

func TestModelsBeyondTheBoundShareOneEntry(t *testing.T) {
	t.Parallel()
	m := permodel.New(2, func() *int { return new(int) })
	a, b, c, d := m.Get("a"), m.Get("b"), m.Get("c"), m.Get("d")
	if a == b || c == a || c != d || m.Get("a") != a || m.Lookup("e") != c {
		t.Error("models beyond the bound do not share one entry")
	}
	names := map[string]bool{}
	for model := range m.All() {
		names[model] = true
	}
	if len(names) != 3 || !names[permodel.Others] {
		t.Errorf("All lists %v", names)
	}
}
