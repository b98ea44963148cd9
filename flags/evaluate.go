package flags

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/open-feature/go-sdk/openfeature"
)

// evaluator resolves OpenFeature evaluations from the set's snapshot. It is the
// stateless half of Provider, and what the set's own client uses.
type evaluator struct{ set *Set }

// decisionKey is the key under which the evaluator resolves all six flags in one
// evaluation: going through the SDK once per flag costs five times as much.
const decisionKey = "cutover.decision"

// pinned travels in the context of the evaluations that make up one Decision. It
// holds the snapshot, so that all of them see the same one, and the attributes,
// which the SDK would otherwise copy several times.
type pinned struct {
	snap       *snapshot
	attributes Attributes
}

type pinnedKey struct{}

// Metadata names the provider.
func (e evaluator) Metadata() openfeature.Metadata { return openfeature.Metadata{Name: "cutover"} }

// Hooks returns none: the SDK runs the hooks.
func (e evaluator) Hooks() []openfeature.Hook { return nil }

// BooleanEvaluation resolves a boolean flag.
func (e evaluator) BooleanEvaluation(
	ctx context.Context, key string, def bool, fc openfeature.FlattenedContext,
) openfeature.BoolResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (bool, bool) { b, ok := v.(bool); return b, ok })
}

// StringEvaluation resolves a string flag.
func (e evaluator) StringEvaluation(
	ctx context.Context, key string, def string, fc openfeature.FlattenedContext,
) openfeature.StringResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (string, bool) { s, ok := v.(string); return s, ok })
}

// FloatEvaluation resolves a number.
func (e evaluator) FloatEvaluation(
	ctx context.Context, key string, def float64, fc openfeature.FlattenedContext,
) openfeature.FloatResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (float64, bool) { f, ok := v.(float64); return f, ok })
}

// IntEvaluation resolves a whole number.
func (e evaluator) IntEvaluation(
	ctx context.Context, key string, def int64, fc openfeature.FlattenedContext,
) openfeature.IntResolutionDetail {
	return resolve(ctx, e, key, def, fc, func(v any) (int64, bool) {
		f, ok := v.(float64)
		return int64(f), ok && f == math.Trunc(f) && math.Abs(f) < 1<<53
	})
}

// ObjectEvaluation resolves a flag of any type, scalars included.
func (e evaluator) ObjectEvaluation(
	ctx context.Context, key string, def any, fc openfeature.FlattenedContext,
) openfeature.InterfaceResolutionDetail {
	if out, ok := def.(*effective); ok && key == decisionKey {
		return evaluateAll(ctx, out)
	}
	return resolve(ctx, e, key, def, fc, func(v any) (any, bool) { return v, true })
}

// resolve evaluates one flag and converts its value.
func resolve[T any](
	ctx context.Context, e evaluator, key string, def T, fc openfeature.FlattenedContext, convert func(any) (T, bool),
) openfeature.GenericResolutionDetail[T] {
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
		return fail(openfeature.NewFlagNotFoundResolutionError(fmt.Sprintf("there is no flag %q", shorten(key))))
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
		return fail(openfeature.NewTypeMismatchResolutionError(fmt.Sprintf("flag %q is a %s", shorten(key), f.kind)))
	}
	return openfeature.GenericResolutionDetail[T]{Value: v, ProviderResolutionDetail: detail}
}

// resolution is the result of one evaluation. A nil value stands for the caller's
// own default.
type resolution struct {
	value   any
	variant string
	reason  Reason
	err     error
}

// evaluate resolves the flag, by its rule if it has one.
func (f *flag) evaluate(e *evaluation) resolution {
	switch {
	case f.disabled:
		return resolution{reason: ReasonDisabled}
	case f.rule != nil:
		return f.evaluateRule(e)
	case f.origin == FromDefault || f.value == nil:
		return resolution{value: f.value, reason: ReasonDefault}
	}
	return resolution{value: f.value, variant: f.variant, reason: ReasonStatic}
}

// evaluateRule resolves the variant that the rule returns; null is the default variant.
func (f *flag) evaluateRule(e *evaluation) resolution {
	name, err := f.rule.chooseVariant(f.key, e)
	if err != nil {
		return resolution{err: fmt.Errorf("flag %q: targeting: %w", shorten(f.key), err)}
	}
	if name == "" {
		return resolution{value: f.value, variant: f.variant, reason: ReasonDefault}
	}
	v, ok := f.variants[name]
	if !ok {
		return resolution{err: fmt.Errorf("flag %q: targeting chose %q, which is not among the variants", shorten(f.key), shorten(name))}
	}
	return resolution{value: v, variant: name, reason: ReasonTargetingMatch}
}

// decideViaSDK evaluates the six flags through the OpenFeature client, all against
// one snapshot. A flag whose evaluation fails has the value that it would have
// without its rule, with reason ERROR: a broken rule or hook must not undo a kill
// switch.
func (s *Set) decideViaSDK(snap *snapshot, a Attributes) Decision {
	ctx := context.WithValue(context.Background(), pinnedKey{}, &pinned{snap, a})
	e := snap.static
	if !s.hasHooks {
		// The provider fills in e; the client's return value adds nothing.
		_, _ = s.client.ObjectValue(ctx, decisionKey, &e, openfeature.EvaluationContext{})
		return e.decide(snap.version, a.TargetingKey)
	}
	// Hooks expect one evaluation per flag, with attributes that they may change.
	ec := openfeature.NewEvaluationContext(a.TargetingKey, a.fields())
	for id := range flagCount {
		otherwise, _ := snap.flags[definitions[id].Key].valueWithoutRule(id)
		v, why := s.evaluateViaSDK(ctx, id, otherwise, ec)
		e.set(id, v, why)
	}
	return e.decide(snap.version, a.TargetingKey)
}

// evaluateAll evaluates the flags that have a rule into out, which already holds
// the values of the others.
func evaluateAll(ctx context.Context, out *effective) openfeature.InterfaceResolutionDetail {
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

func (s *Set) evaluateViaSDK(ctx context.Context, id Flag, otherwise any, ec openfeature.EvaluationContext) (any, Reason) {
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

// fields returns the attributes as rules see them, without the targeting key.
func (a Attributes) fields() map[string]any {
	return map[string]any{"model": a.Model, "endpoint": a.Endpoint, "tenant": a.Tenant, "stream": a.Stream}
}

// field returns one attribute as rules see it; nil for an unknown name.
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
