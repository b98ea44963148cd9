package permodel_test

import (
	"fmt"
	"testing"
	"time"

	"cutover/upstream/internal/permodel"
)

func TestModelsBeyondTheBoundShareOneEntry(t *testing.T) {
	t.Parallel()
	m := permodel.New(2, func() *int { return new(int) })
	a, b, c, d := m.Get("a", 0), m.Get("b", 0), m.Get("c", 0), m.Get("d", 0)
	if a == b || c == a || c != d || m.Get("a", 0) != a || m.Lookup("e", 0) != c {
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

// TestUnusedNamesMakeRoom: names that nobody asks for any more make room for new
// ones, at once when they come; those in use stay.
func TestUnusedNamesMakeRoom(t *testing.T) {
	t.Parallel()
	const most = 8
	m := permodel.New(most, func() *bool { return new(bool) })
	var at time.Duration
	inUse := m.Get("real", at)
	for i := range 300 { // a flood of made-up names
		at += time.Second
		m.Get(fmt.Sprintf("made-up-%d", i), at)
		if m.Get("real", at) != inUse {
			t.Fatalf("the model in use lost its entry after %d names", i+1)
		}
	}
	n := 0
	for range m.All() {
		n++
	}
	if n > most+1 {
		t.Errorf("%d entries, want at most %d and the shared one", n, most)
	}
	at += time.Hour
	for i := range most - 1 {
		name := fmt.Sprintf("new-%d", i)
		if m.Get(name, at) == m.Lookup("nobody", at) {
			t.Errorf("%s has no entry of its own an hour after the flood", name)
		}
	}
}

// TestFastNamesShare: while names come faster than entries may be evicted they
// share one, so that a flood costs no copy of the map each.
func TestFastNamesShare(t *testing.T) {
	t.Parallel()
	m := permodel.New(1, func() *int { return new(int) })
	first := m.Get("a", 0)
	at := time.Hour
	if m.Get("b", at) == first || m.Get("b", at) == m.Lookup("nobody", at) {
		t.Error("a new name did not take the place of one that nobody asks for")
	}
	at += 2 * time.Minute
	m.Get("c", at)
	if m.Get("d", at) != m.Get("e", at) {
		t.Error("names that come at once do not share an entry")
	}
}
