package flags

import (
	"maps"
	"slices"
)

// View is one flag as this process sees it.
type View struct {
	Key    string `json:"key"`            // its OpenFeature key
	Type   string `json:"type"`           // of the six: "boolean", "percentage", "enum"; else "boolean", "number", "string", "object"
	Value  string `json:"value"`          // in force: a scalar or a definition
	Rule   bool   `json:"rule,omitempty"` // a rule decides per request
	Source Origin `json:"source"`
}

// Views returns every flag: the six in their order, then the others by key.
func (s *Set) Views() []View {
	snap := s.current.Load()
	out := make([]View, 0, len(snap.flags))
	for i := range definitions {
		out = append(out, snap.flags[definitions[i].Key].view())
	}
	for _, key := range slices.Sorted(maps.Keys(snap.flags)) {
		if _, known := flagOf(key); !known {
			out = append(out, snap.flags[key].view())
		}
	}
	return out
}

func (f *flag) view() View {
	v := View{Key: f.key, Type: f.kind.String(), Value: f.raw, Rule: f.rule != nil, Source: f.origin}
	if id, known := flagOf(f.key); known {
		v.Type = definitions[id].Type
	}
	return v
}

// Explanation is what would happen to a request, and why.
type Explanation struct {
	Decision Decision      `json:"decision"`
	Serves   string        `json:"serves"`   // "primary" or "relay"
	KeyHash  string        `json:"key_hash"` // short hash of the targeting key
	State    State         `json:"state"`
	Steps    []ExplainStep `json:"steps"` // one per flag
}

// ExplainStep is one flag's part in a Decision.
type ExplainStep struct {
	Key     string   `json:"key"`               // the flag's key
	Value   any      `json:"value"`             // as evaluated, by the rule if there is one
	Variant string   `json:"variant,omitempty"` // of a definition
	Reason  Reason   `json:"reason"`
	Error   string   `json:"error,omitempty"` // why the rule failed
	Source  Origin   `json:"source"`
	Share   *float64 `json:"share,omitempty"`  // of a percentage: its value
	Bucket  *float64 `json:"bucket,omitempty"` // of a percentage: the caller's bucket; in when below Share
	In      *bool    `json:"in,omitempty"`     // of a percentage: the caller is included
}

// Explain decides as Decide does and returns each flag's part. The targeting key
// appears as a hash only.
func (s *Set) Explain(a Attributes) Explanation {
	snap := s.current.Load()
	d := s.Decide(a)
	e := Explanation{Decision: d, Serves: "primary", KeyHash: HashKey(a.TargetingKey), State: s.State()}
	if d.ServeRelay {
		e.Serves = "relay"
	}
	run := evaluation{attributes: &a}
	for id := range flagCount {
		f := snap.flags[definitions[id].Key]
		o := f.evaluate(&run)
		step := ExplainStep{Key: f.key, Value: o.value, Variant: o.variant, Reason: d.Reasons[id], Source: f.origin}
		if o.err != nil {
			step.Error = o.err.Error()
			step.Value, _ = f.valueWithoutRule(id)
		} else if o.value == nil {
			step.Value = definitions[id].builtin
		}
		if share, ok := step.Value.(float64); ok {
			bucket := float64(Bucket(f.key, a.TargetingKey)) / (buckets / 100)
			in := Included(f.key, a.TargetingKey, share)
			step.Share, step.Bucket, step.In = &share, &bucket, &in
		}
		e.Steps = append(e.Steps, step)
	}
	return e
}
