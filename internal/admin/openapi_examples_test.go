package admin

import (
	"time"

	"cutover/compare"
	"cutover/exchange"
	"cutover/flags"
	"cutover/internal/millis"
	"cutover/ramp"
	"cutover/router"
	"cutover/shadow"
	"cutover/upstream"
	"cutover/upstream/limit"
)

func exampleTime() time.Time { return time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC) }

func ms(n float64) millis.Duration { return millis.Duration(n * float64(time.Millisecond)) }

func pointer[T any](v T) *T { return &v }

func exampleState() flags.State {
	return flags.State{
		Status: flags.Ready, Since: exampleTime(), ReadAt: exampleTime().Add(time.Hour), Age: ms(412.5),
		Source: flags.FromRedis, Version: 7,
	}
}

func exampleStatus() Status {
	return Status{
		Version: "v1.4.0", UptimeMS: 5_400_000, Active: 12, Flags: exampleState(),
		Primary: UpstreamStatus{},
		Relay: UpstreamStatus{
			Limits: &limit.State{
				Mode: "fleet", Fleet: 3, RPM: 600, Concurrency: 64, ShareRPM: 200, InFlight: 9, Waiting: 1, Waited: 31,
				Refused: map[string]uint64{"rpm": 4}, Paused: []limit.ModelPause{{Model: "gpt-4.1", For: ms(1500)}},
			},
			Breaker: []upstream.CircuitState{{
				Model: "gpt-4o", State: "open", Since: exampleTime(), Until: exampleTime().Add(11 * time.Second), Calls: 40, Errors: 31,
				Trips: 1, Refused: 2, OpenFor: ms(11_000),
			}},
			Keys: []upstream.KeyState{{Key: "5c8f12ab", Quarantine: "401", Until: exampleTime().Add(time.Hour)}},
		},
		Hedge: &HedgeStatus{
			Percentile: 95, Budget: 17.5,
			Models: []router.LatencyState{{Model: "gpt-4o", Stream: true, Calls: 33, Delay: ms(812.4)}},
		},
		Mirror: MirrorStatus{InFlight: 3, Held: 48_211, Outcomes: []shadow.Count{
			{Outcome: compare.Both, N: 4_102}, {Outcome: compare.Skipped, Why: "stateful", N: 12},
		}},
		Store: StoreStatus{Written: 4_101, Samples: 220},
	}
}

func exampleResults() ResultList {
	side := func(name, model string, ttft, total float64) compare.ArmResult {
		return compare.ArmResult{
			Called: true, Upstream: name, Asked: "gpt-4o", Model: model, Status: 200, TTFB: ms(ttft - 2), TTFT: ms(ttft), Total: ms(total),
			Gap: ms(48), Streamed: true, Bytes: 5_120, Events: 41, UsageKnown: true, InputTokens: 120, OutputTokens: 38, TextBytes: 160,
			FinishReason: "stop", CostKnown: true, CostUSD: .00068,
		}
	}
	relay := side("relay", "gpt-4o-2024-08-06", 402.75, 1310)
	relay.Traits = []string{compare.CodeToolSchema}
	return ResultList{Results: []compare.Result{{
		ID: "01JNAS9V5TQ0Z6N3W8D2X4K7RB", At: exampleTime(), Endpoint: "chat.completions", Model: "gpt-4o", Stream: true, Tools: true,
		Outcome: compare.Both, Served: exchange.Primary,
		Primary: side("primary", "gpt-4o-2024-08-06", 388.5, 1240), Relay: relay,
		Checked: true, Similarity: .82,
		Findings: []compare.Finding{{
			Code: compare.CodeToolSchema, Severity: compare.Critical, Arm: "relay",
			Sentence: "The relay called a tool with arguments that violate the request's schema.",
		}},
		Sampled: true,
	}}}
}

func exampleSample() compare.Sample {
	return compare.Sample{
		Result: exampleResults().Results[0], Capture: compare.CaptureRedacted,
		Request: compare.SampleBody{Body: `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"Weather in Oslo?"}]}`},
		Primary: compare.SampleBody{ToolCalls: []exchange.ToolCall{{Name: "weather", Arguments: `{"city":"Oslo"}`}}},
		Relay:   compare.SampleBody{ToolCalls: []exchange.ToolCall{{Name: "weather", Arguments: `{"town":"Oslo"}`}}},
	}
}

// exampleReport is of pairs like the example's, without what repeats itself.
func exampleReport() compare.Report {
	var sum compare.Summary
	for i := range 700 {
		r := exampleResults().Results[0]
		r.At = r.At.Add(time.Duration(i) * time.Second)
		sum.Add(r)
	}
	report := compare.NewReport(&sum, compare.ReportOptions{Now: exampleTime().Add(time.Hour)})
	report.Rows, report.Curves = report.Rows[:2], report.Curves[:1]
	c := &report.Curves[0]
	c.Quantiles, c.Primary, c.Relay = c.Quantiles[:3], c.Primary[:3], c.Relay[:3]
	return report
}

func exampleRollout() Rollout {
	return Rollout{
		Weight: 5, Since: exampleTime(), Plan: ramp.DefaultPlan(),
		Verdict: ramp.Verdict{Action: ramp.Hold, Weight: 5, Reasons: []string{"The step has to soak for another 3h0m0s."}},
	}
}

func exampleFlags() FlagList {
	stored := flags.Field{Value: "5", Who: "ann@laptop", Why: "canary", At: exampleTime(), Version: 7}
	return FlagList{
		State: exampleState(), StoreVersion: 7, Stored: map[string]flags.Field{flags.KeyRelayPercentage: stored},
		Flags: []FlagRow{
			{View: flags.View{Key: flags.KeyRelayPercentage, Type: "percentage", Value: "5", Source: flags.FromRedis}, Stored: &stored},
			{View: flags.View{Key: flags.KeyRelayEnabled, Type: "boolean", Value: "true", Source: flags.FromDefault}},
		},
	}
}

func exampleFlip() flags.Flip {
	return flags.Flip{Who: "ann@laptop", Why: "canary", Changes: []flags.Change{
		{Key: flags.KeyRelayPercentage, Value: pointer("5"), Expect: pointer("1")},
		{Key: flags.KeyNoisePercentage, Value: nil},
	}}
}

func exampleChanges() EntryList {
	return EntryList{Entries: []flags.Entry{
		{
			Key:     flags.KeyRelayPercentage,
			Old:     pointer("1"),
			New:     pointer("5"),
			Who:     "ann@laptop",
			Why:     "canary",
			At:      exampleTime(),
			Version: 7,
		},
	}}
}

func exampleExplanation() flags.Explanation {
	return flags.Explanation{
		Decision: flags.Decision{Version: 7, RelayEnabled: true, ServeRelay: true, Fallback: true},
		Serves:   "relay", KeyHash: "b3f1c2d4", State: exampleState(),
		Steps: []flags.ExplainStep{{
			Key: flags.KeyRelayPercentage, Value: 5., Reason: flags.ReasonStatic, Source: flags.FromRedis,
			Share: pointer(5.), Bucket: pointer(3.217), In: pointer(true),
		}},
	}
}
