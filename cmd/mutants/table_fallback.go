package main

import "slices"

// fallback is what is held back before the caller sees it, and when another
// provider serves instead.
func fallback() []Mutant {
	return slices.Concat(
		in("router/fallback.go", "Fall|Relay|Replaced|Fail|Hedge",
			mistake{"what the reference serves is replaced", "case c.rt.cfg.ReplaceReference:", "case true:"},
			mistake{"falls back without being asked", "case !route.Fallback || !c.q.Held:", "case !c.q.Held:"},
			mistake{"a relay that is off is the fallback", "return route.Reference, route.Reference == exchange.Primary || route.Relay",
				"return route.Reference, true"},
		),
		in("router/holdback.go", "Fault|HeldBack|Slow|Hidden|BothFail|Race|Statuses|LastWord|DONE",
			mistake{"an event without output is output", "a.rec.Streamed() && j.Output && err == nil", "a.rec.Streamed() && err == nil"},
			mistake{"a caller's mistake falls back", "if a.resp.StatusCode >= 400 {\n\t\treturn true",
				"if a.resp.StatusCode >= 400 {\n\t\treturn false"},
			mistake{"an error event is delivered", "a.endFailed(j, err)\n\t\t\t\treturn false", "a.endFailed(j, err)\n\t\t\t\treturn true"},
			mistake{"a break before any output is delivered", "a.endExchange(err)\n\t\t\treturn false", "a.endExchange(err)\n\t\t\treturn true"},
			mistake{"holds back sixty thousand events", "maxHeldEvents = 64", "maxHeldEvents = 64000"},
			mistake{"holds back one event", "maxHeldEvents = 64", "maxHeldEvents = 1"},
			mistake{"holds back megabytes", "maxHeldBytes  = 256 << 10", "maxHeldBytes  = 256 << 20"},
			mistake{"a failed response is served", "if !a.x.OK() {\n\t\treturn false", "if !a.x.OK() {\n\t\treturn true"},
			mistake{"any speed will do", "events >= speedCheckEvents && float64(events-1) >=", "events >= speedCheckEvents || float64(events-1) >="},
			mistake{"one event tells a speed", "const speedCheckEvents = 8", "const speedCheckEvents = 1"},
			mistake{"slow responses are never given up", "return s.rate > 0 && !s.since.IsZero() &&", "return s.rate < 0 && !s.since.IsZero() &&"},
		),
		in("router/latency.go", "Latency",
			mistake{"three calls tell", "minLatencyCalls = 30", "minLatencyCalls = 3"},
			mistake{"remembers for hours", "latencyHalf     = 5 * time.Minute", "latencyHalf     = 50 * time.Minute"},
			mistake{"buckets are twice as wide", "bucketGrowth    = 1.05", "bucketGrowth    = 1.1"},
			mistake{"cancelled calls are forgotten", "left -= done[i] + censored[i]", "left -= done[i]"},
			mistake{"the other tail", "share <= 1-quantile+1e-9", "share <= quantile+1e-9"},
			mistake{"any number of models", "maxModels       = 128", "maxModels       = 128000"},
			mistake{"the half before is forgotten", "[2]*latencyHistogram{h.before, h.now}", "[2]*latencyHistogram{nil, h.now}"},
		),
		in("router/hedge.go", "Hedge|Race",
			mistake{"the reference's responses are hedged", "return arm == exchange.Relay && (h.Delay > 0 || h.Latency != nil)",
				"return h.Delay > 0 || h.Latency != nil"},
			mistake{"hedges without a budget", "if !budget.Spend() {", "if budget.Spend(); false {"},
			mistake{"calls that the caller broke off are forgotten", "case a.x != nil && a.x.Class == exchange.ClassAborted:", "case false:"},
		),
		in("router/retry.go", "Retr|Timeout|Capacity|Wait",
			mistake{"the caller's own timeout is not known", `"X-Stainless-Timeout", "X-Stainless-Read-Timeout"`,
				`"X-Stainless-Read-Timeout", "X-Stainless-Read-Timeout"`},
			mistake{"retries without a budget", "return wait, ok && policies.Budget.Spend()", "return wait, ok"},
			mistake{"retries after the upstream's time is over", "f.Deadline <= 0 || until < f.Deadline", "f.Deadline <= 0 && until < f.Deadline"},
		),
	)
}
