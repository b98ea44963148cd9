package flags

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/open-feature/go-sdk/openfeature"
)

// evaluator answers OpenFeature evaluations from the set's snapshot. It is the
// stateless half of Provider, and what the set's own client uses.
type evaluator struct{ set *Set }

// decisionKey is the key under which the evaluator decides the six flags in
// one evaluation: going through the SDK once for each costs five times as much.
const decisionKey = "cutover.decision"

// pinned travels in the context of the evaluations that make up one Decision:
// the snapshot, so that its parts never come from two, and the attributes, which
// the SDK would otherwise copy several times.
type pinned struct {
	snap       *snapshot
	attributes Attributes
}

type pinnedKey struct{}

// Metadata names the provider.
func (e evaluator) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "cutover"} }

// Hooks returns none: hooks are left to the SDK.
func (e evaluator) Hooks() []openfeature.Hook { return nil }

// BooleanEvaluation resolves a boolean flag.
func (e evaluator) BooleanEvaluation(ctx context.Context, key string, def bool, fc openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (bool, bool) { b, ok := v.(bool); return b, ok })
}

// StringEvaluation resolves a string flag.
func (e evaluator) StringEvaluation(ctx context.Context, key string, def string, fc openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (string, bool) { s, ok := v.(string); return s, ok })
}

// FloatEvaluation resolves a number.
func (e evaluator) FloatEvaluation(ctx context.Context, key string, def float64, fc openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (float64, bool) { f, ok := v.(float64); return f, ok })
}

// IntEvaluation resolves a number without a fraction.
func (e evaluator) IntEvaluation(ctx context.Context, key string, def int64, fc openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (int64, bool) {
		f, ok := v.(float64)
		return int64(f), ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
	})
}

// ObjectEvaluation resolves a flag of any type, a scalar included.
func (e evaluator) ObjectEvaluation(ctx context.Context, key string, def any, fc openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	if out, ok := def.(*effective); ok && key == decisionKey {
		return decideTogether(ctx, out)
	}
	return resolve(ctx, e, key, def, fc, func(v any) (any, bool) { return v, true })
}

// resolve evaluates one flag and converts its value.
func resolve[T any](ctx context.Context, e evaluator, key string, def T, fc openfeature.FlattenedContext, convert func(any) (T, bool)) openfeature.GenericResolutionDetail[T] {
	snap := e.set.current.Load()
	if p, ok := ctx.Value(pinnedKey{}).(*pinned); ok {
		snap = p.snap
	}
	fail := func(err openfeature.ResolutionError) openfeature.GenericResolutionDetail[T] {
		return openfeature.GenericResolutionDetail[T]{Value: def, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{
			ResolutionError: err, Reason: openfeature.ErrorReason,
		}}
	}
	f := snap.flags[key]
	if f == nil {
		return fail(openfeature.NewFlagNotFoundResolutionError(fmt.Sprintf("there is no flag %q", brief(key))))
	}
	run := evaluation{data: fc}
	out := f.evaluate(&run)
	if errors.Is(out.err, errNoTargetingKey) {
		return fail(openfeature.NewTargetingKeyMissingResolutionError(out.err.Error()))
	}
	if out.err != nil {
		return fail(openfeature.NewParseErrorResolutionError(out.err.Error()))
	}
	detail := openfeature.ProviderResolutionDetail{Variant: out.variant, FlagMetadata: f.metadata}
	detail.Reason = openfeature.Reason(out.reason.String())
	if snap.stale {
		detail.Reason = openfeature.Reason(ReasonStale.String())
	}
	if out.value == nil {
		return openfeature.GenericResolutionDetail[T]{Value: def, ProviderResolutionDetail: detail}
	}
	v, ok := convert(out.value)
	if !ok {
		return fail(openfeature.NewTypeMismatchResolutionError(fmt.Sprintf("flag %q is a %s", brief(key), f.kind)))
	}
	return openfeature.GenericResolutionDetail[T]{Value: v, ProviderResolutionDetail: detail}
}

// outcome is the result of one evaluation. A nil value means: the caller's own
// default.
type outcome struct {
	value   any
	variant string
	reason  Reason
	err     error
}

// evaluate applies the flag's rule, if it has one.
func (f *flag) evaluate(e *evaluation) outcome {
	switch {
	case f.disabled:
		return outcome{reason: ReasonDisabled}
	case f.rule != nil:
		return f.evaluateRule(e)
	case f.origin == FromDefault || f.value == nil:
		return outcome{value: f.value, reason: ReasonDefault}
	}
	return outcome{value: f.value, variant: f.variant, reason: ReasonStatic}
}

// evaluateRule lets the rule name a variant; null means the default variant.
func (f *flag) evaluateRule(e *evaluation) outcome {
	name, err := f.rule.variant(f.key, e)
	if err != nil {
		return outcome{err: fmt.Errorf("flag %q: targeting: %w", brief(f.key), err)}
	}
	if name == "" {
		return outcome{value: f.value, variant: f.variant, reason: ReasonDefault}
	}
	v, ok := f.variants[name]
	if !ok {
		return outcome{err: fmt.Errorf("flag %q: targeting chose %q, which is not among the variants", brief(f.key), brief(name))}
	}
	return outcome{value: v, variant: name, reason: ReasonTargetingMatch}
}

// decideBySDK evaluates the six flags through the OpenFeature client, all
// against one snapshot. Where evaluation fails the flag has the value that it
// would have without its rule, and its reason is ERROR: a broken rule or hook
// must not undo a kill switch.
func (s *Set) decideBySDK(snap *snapshot, a Attributes) Decision {
	ctx := context.WithValue(context.Background(), pinnedKey{}, &pinned{snap, a})
	e := snap.plain
	if !s.hooked {
		// The provider fills e in; the client's own answer adds nothing to it.
		_, _ = s.client.ObjectValue(ctx, decisionKey, &e, openfeature.EvaluationContext{})
		return e.decide(snap.version, a.TargetingKey)
	}
	// Hooks want to see each flag, and the attributes, which they may change.
	ec := openfeature.NewEvaluationContext(a.TargetingKey, a.fields())
	for id := range flagCount {
		otherwise, _ := snap.flags[definitions[id].Key].plain(id)
		v, why := s.evaluateBySDK(ctx, id, otherwise, ec)
		e.set(id, v, why)
	}
	return e.decide(snap.version, a.TargetingKey)
}

// decideTogether evaluates those of the six flags that have a rule, into out,
// which holds the values of the others already.
func decideTogether(ctx context.Context, out *effective) openfeature.InterfaceResolutionDetail {
	p := ctx.Value(pinnedKey{}).(*pinned)
	run := evaluation{attributes: &p.attributes}
	for id := range flagCount {
		f := p.snap.flags[definitions[id].Key]
		if f.rule == nil || f.disabled {
			continue
		}
		o := f.evaluate(&run)
		switch {
		case o.err != nil:
			out.reasons[id] = ReasonError
			continue
		case o.value == nil:
			o.value = definitions[id].builtin
		}
		if p.snap.stale {
			o.reason = ReasonStale
		}
		out.set(id, o.value, o.reason)
	}
	return openfeature.InterfaceResolutionDetail{Value: out}
}

func (s *Set) evaluateBySDK(ctx context.Context, id Flag, otherwise any, ec openfeature.EvaluationContext) (any, Reason) {
	key := definitions[id].Key
	switch otherwise := otherwise.(type) {
	case bool:
		d, err := s.client.BooleanValueDetails(ctx, key, otherwise, ec)
		return d.Value, reasonOf(d.Reason, err)
	case float64:
		d, err := s.client.FloatValueDetails(ctx, key, otherwise, ec)
		return d.Value, reasonOf(d.Reason, err)
	case string:
		d, err := s.client.StringValueDetails(ctx, key, otherwise, ec)
		return d.Value, reasonOf(d.Reason, err)
	}
	return otherwise, ReasonError
}

func reasonOf(r openfeature.Reason, err error) Reason {
	if err != nil {
		return ReasonError
	}
	switch r {
	case openfeature.StaticReason:
		return ReasonStatic
	case openfeature.TargetingMatchReason:
		return ReasonTargetingMatch
	case openfeature.DisabledReason:
		return ReasonDisabled
	case openfeature.ErrorReason:
		return ReasonError
	case openfeature.DefaultReason:
		return ReasonDefault
	}
	return ReasonStale
}

// fields are the attributes as rules see them, the targeting key apart.
func (a Attributes) fields() map[string]any {
	return map[string]any{"model": a.Model, "endpoint": a.Endpoint, "tenant": a.Tenant, "stream": a.Stream}
}

// field is one attribute as rules see it.
func (a *Attributes) field(name string) any {
	switch name {
	case openfeature.TargetingKey:
		return a.TargetingKey
	case "model":
		return a.Model
	case "endpoint":
		return a.Endpoint
	case "tenant":
		return a.Tenant
	case "stream":
		return a.Stream
	}
	return nil
}
