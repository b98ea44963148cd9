package flags

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/twmb/murmur3"
	"golang.org/x/mod/semver"
)

// weightedVariant is one part of a fractional split.
type weightedVariant struct {
	variant rule
	weight  rule // nil: 1
}

// fractional compiles flagd's percentage rollout: [bucketing value,] [variant,
// weight]... The value defaults to flag key and targeting key, as in Bucket. Weights
// are relative and need not add up to 100.
func (c *compiler) fractional(args []any) (rule, error) {
	var by rule
	var err error
	if len(args) > 0 {
		if _, isShare := args[0].([]any); !isShare {
			if by, err = c.node(args[0]); err != nil {
				return nil, fmt.Errorf("fractional: %w", err)
			}
			args = args[1:]
		}
	}
	if len(args) == 0 {
		return nil, errors.New("fractional: needs shares, such as [\"on\", 25]")
	}
	shares := make([]weightedVariant, len(args))
	for i, a := range args {
		if shares[i], err = c.share(a); err != nil {
			return nil, fmt.Errorf("fractional: %w", err)
		}
	}
	return func(e *evaluation) any {
		if !e.step() {
			return nil
		}
		return chooseByWeight(e, by, shares)
	}, nil
}

func (c *compiler) share(v any) (weightedVariant, error) {
	pair, ok := v.([]any)
	if !ok || len(pair) == 0 || len(pair) > 2 {
		return weightedVariant{}, errors.New("a share is a list of a variant and a weight, such as [\"on\", 25]")
	}
	parts, err := c.nodes(pair)
	if err != nil {
		return weightedVariant{}, err
	}
	s := weightedVariant{variant: parts[0]}
	if len(parts) == 2 {
		if f, constant := pair[1].(float64); !isComposite(pair[1]) && (!constant || f < 0 || f != math.Trunc(f)) {
			return weightedVariant{}, errors.New("a weight is a whole number, 0 or more")
		}
		s.weight = parts[1]
	}
	return s, nil
}

func chooseByWeight(e *evaluation, by rule, shares []weightedVariant) any {
	key, ok := "", false
	if by != nil {
		key, ok = by(e).(string)
	}
	if !ok { // flagd also falls back if the value is missing
		target, found := e.targetingKey()
		if !found {
			e.fail(errNoTargetingKey)
			return nil
		}
		key = e.flag + target
	}
	weights := make([]uint32, len(shares))
	total := uint64(0)
	for i, s := range shares {
		weights[i] = 1
		if s.weight != nil {
			weights[i] = weightOf(s.weight(e))
		}
		total += uint64(weights[i])
	}
	if total > math.MaxInt32 {
		e.fail(errors.New("fractional: the weights add up to more than 2147483647"))
		return nil
	}
	bucket := scale(murmur3.StringSum32(key), uint32(total))
	for i, s := range shares {
		if bucket < weights[i] {
			return s.variant(e)
		}
		bucket -= weights[i]
	}
	return nil
}

// weightOf converts a computed weight. A negative one counts as 0.
func weightOf(v any) uint32 {
	f := toNumber(v)
	if !(f > 0) {
		return 0
	}
	return uint32(math.Min(f, math.MaxInt32))
}

func hasAffix(a []any, has func(s, part string) bool) bool {
	s, ok1 := arg(a, 0).(string)
	part, ok2 := arg(a, 1).(string)
	return ok1 && ok2 && has(s, part)
}

// semanticVersion compares two versions. "~" means the same minor version, "^" the
// same major version. The result is null if either is not a version.
func semanticVersion(a []any) any {
	left, right := version(arg(a, 0)), version(arg(a, 2))
	if !semver.IsValid(left) || !semver.IsValid(right) {
		return nil
	}
	order := semver.Compare(left, right)
	switch arg(a, 1) {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	case ">=":
		return order >= 0
	case "~":
		return semver.MajorMinor(left) == semver.MajorMinor(right)
	case "^":
		return semver.Major(left) == semver.Major(right)
	}
	return nil
}

func version(v any) string {
	s := strings.TrimSpace(toText(v))
	if s != "" && s[0] != 'v' && s[0] != 'V' {
		return "v" + s
	}
	return strings.ToLower(s[:min(1, len(s))]) + s[min(1, len(s)):]
}
