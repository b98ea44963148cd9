package flags

import (
	"context"
	"fmt"
	"math"

	"github.com/open-feature/go-sdk/openfeature"
)

// evaluator answers OpenFeature evaluations from the set's snapshot. It is the
// stateless half of Provider, and what the set's own client uses.
type evaluator struct{ set *Set }

type snapshotKey struct{}

// Metadata names the provider.
func (e evaluator) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "cutover"} }

// Hooks returns none: hooks are left to the SDK.
func (e evaluator) Hooks() []openfeature.Hook { return nil }

// snapshot is the one that the caller pinned to the context, so that the parts
// of one Decision never come from two, else the newest.
func (e evaluator) snapshot(ctx context.Context) *snapshot {
	if snap, ok := ctx.Value(snapshotKey{}).(*snapshot); ok {
		return snap
	}
	return e.set.current.Load()
}

// BooleanEvaluation resolves a boolean flag.
func (e evaluator) BooleanEvaluation(ctx context.Context, key string, def bool, fc openfeature.FlattenedContext) openfeature.BoolResolutionDetail {
	return resolve(e.snapshot(ctx), key, def, fc, func(v any) (bool, bool) { b, ok := v.(bool); return b, ok })
}

// StringEvaluation resolves a string flag.
func (e evaluator) StringEvaluation(ctx context.Context, key string, def string, fc openfeature.FlattenedContext) openfeature.StringResolutionDetail {
	return resolve(e.snapshot(ctx), key, def, fc, func(v any) (string, bool) { s, ok := v.(string); return s, ok })
}

// FloatEvaluation resolves a number.
func (e evaluator) FloatEvaluation(ctx context.Context, key string, def float64, fc openfeature.FlattenedContext) openfeature.FloatResolutionDetail {
	return resolve(e.snapshot(ctx), key, def, fc, func(v any) (float64, bool) { f, ok := v.(float64); return f, ok })
}

// IntEvaluation resolves a number without a fraction.
func (e evaluator) IntEvaluation(ctx context.Context, key string, def int64, fc openfeature.FlattenedContext) openfeature.IntResolutionDetail {
	return resolve(e.snapshot(ctx), key, def, fc, func(v any) (int64, bool) {
		f, ok := v.(float64)
		return int64(f), ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
	})
}

// ObjectEvaluation resolves a flag of any type, a scalar included.
func (e evaluator) ObjectEvaluation(ctx context.Context, key string, def any, fc openfeature.FlattenedContext) openfeature.InterfaceResolutionDetail {
	return resolve(e.snapshot(ctx), key, def, fc, func(v any) (any, bool) { return v, true })
}

// resolve evaluates one flag and converts its value.
func resolve[T any](snap *snapshot, key string, def T, fc openfeature.FlattenedContext, convert func(any) (T, bool)) openfeature.GenericResolutionDetail[T] {
	fail := func(err openfeature.ResolutionError) openfeature.GenericResolutionDetail[T] {
		return openfeature.GenericResolutionDetail[T]{Value: def, ProviderResolutionDetail: openfeature.ProviderResolutionDetail{
			ResolutionError: err, Reason: openfeature.ErrorReason,
		}}
	}
	f := snap.flags[key]
	if f == nil {
		return fail(openfeature.NewFlagNotFoundResolutionError(fmt.Sprintf("there is no flag %q", brief(key))))
	}
	out := f.evaluate(fc)
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

// evaluate applies the flag's rule, if it has one, to the request's context.
func (f *flag) evaluate(fc openfeature.FlattenedContext) outcome {
	switch {
	case f.disabled:
		return outcome{reason: ReasonDisabled}
	case f.rule != nil:
		return f.evaluateRule(fc)
	case f.origin == FromDefault || f.value == nil:
		return outcome{value: f.value, reason: ReasonDefault}
	}
	return outcome{value: f.value, variant: f.variant, reason: ReasonStatic}
}

// evaluateRule lets the rule name a variant; null means the default variant.
func (f *flag) evaluateRule(fc openfeature.FlattenedContext) outcome {
	name, err := f.rule.variant(f.key, fc)
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
	ctx := context.WithValue(context.Background(), snapshotKey{}, snap)
	ec := openfeature.NewEvaluationContext(a.TargetingKey, a.fields())
	e := snap.plain
	for id := range flagCount {
		if f := snap.flags[definitions[id].Key]; f.rule != nil || s.hooked {
			otherwise, _ := f.plain(id)
			v, why := s.evaluateBySDK(ctx, id, otherwise, ec)
			e.set(id, v, why)
		}
	}
	return e.decide(snap.version, a.TargetingKey)
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
