package main

import (
	"strings"
	"testing"
	"time"

	"cutover/internal/mock"
	"cutover/internal/redistest"
)

// TestAnUnreachableBudgetStore takes the budget store away under load: callers are
// served as before, no copy goes out, and the log says so in one line.
func TestAnUnreachableBudgetStore(t *testing.T) {
	budgetStore := redistest.New(t)
	r := startSidecar(t, startProvider(t, mock.Config{}), startProvider(t, mock.Config{}), mirrorAll,
		"CUTOVER_REDIS=redis://"+budgetStore.Addr(), "CUTOVER_SHADOW_BUDGET_USD_PER_DAY=0.1",
		`CUTOVER_UPSTREAMS_RELAY_PRICES={"default":{"input":1,"output":1}}`)
	client := newHTTPClient(t)
	chat := func() {
		a, err := loadRequest{
			"chat/completions",
			`{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]}`,
		}.send(
			within(t),
			client,
			r.URL(),
		)
		if err != nil || a.status != 200 || a.by != "primary" {
			t.Fatalf("%d served by %s: %v", a.status, a.by, err)
		}
	}
	copies := func() uint64 { return uint64(len(r.relay.Journal())) }
	eventually(t, "shadow requests are sent", func() bool { chat(); return copies() > 0 }, func() any { return r.Mirror.Counts().All() })
	budgetStore.Kill()
	const line = "can't reserve budget for shadow requests"
	eventually(
		t,
		"the outage is told",
		func() bool { chat(); return strings.Contains(r.log.String(), line) },
		func() any { return r.Mirror.Counts().All() },
	)
	asked, begun := 0, time.Now()
	for ; time.Since(begun) < 2500*time.Millisecond; asked++ { // the store is asked once a second
		chat()
	}
	if n := strings.Count(r.log.String(), line); n != 1 || asked < 10 {
		t.Errorf("%d lines for %d requests in one outage", n, asked)
	}
}
