package shadow

import (
	"testing"

	"cutover/compare"
	"cutover/exchange"
)

// An outage of one side must not count as that many independent failures.
func TestOutagesAreMarkedAsBursts(t *testing.T) {
	t.Parallel()
	var b burstMarker
	var sum compare.Summary
	for i := range 100 {
		arm := compare.ArmResult{Called: true, Status: 200}
		r := compare.Result{Outcome: compare.Both, Primary: arm, Relay: arm}
		switch {
		case i >= 40 && i < 60:
			r.Relay.Class, r.Relay.Status = exchange.ClassServer, 500
		case i%10 == 5:
			r.Primary.Class = exchange.ClassAborted // says nothing
		}
		b.mark(&r)
		sum.Add(r)
	}
	if d := sum.All.Errors; d.Plus != 4 || d.Skipped < 16 || d.Minus != 0 {
		t.Errorf("%+v, want 4 failures as evidence and the others skipped", d)
	}
}
