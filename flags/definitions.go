package flags

import (
	"slices"
	"strconv"
)

// A flag is defined in this file alone: a key, a number, a field of Values and a
// row of definitions. What it decides is a field of Decision. Configuration,
// environment variables, documentation, command line completion, metrics and the
// admin API go through Definitions and need no change for a new flag.

// The OpenFeature keys of the six flags.
const (
	KeyRelayEnabled     = "relay-enabled"
	KeyRelayPercentage  = "relay-percentage"
	KeyShadowPercentage = "shadow-percentage"
	KeyNoisePercentage  = "noise-percentage"
	KeyFallbackEnabled  = "fallback-enabled"
	KeyPrimaryProvider  = "primary-provider"
)

// Flag numbers the six flags, as index into Reasons.
type Flag uint8

// The flags in the order in which they are listed everywhere.
const (
	RelayEnabled Flag = iota
	RelayPercentage
	ShadowPercentage
	NoisePercentage
	FallbackEnabled
	PrimaryProvider
	flagCount
)

// Values are flag values from configuration; nil leaves a flag at its default.
// Redis, the flags file and the last good values on disk override them. The
// yaml tag is the flag's key.
type Values struct {
	RelayEnabled     *bool    `yaml:"relay-enabled"`
	RelayPercentage  *float64 `yaml:"relay-percentage"`
	ShadowPercentage *float64 `yaml:"shadow-percentage"`
	NoisePercentage  *float64 `yaml:"noise-percentage"`
	FallbackEnabled  *bool    `yaml:"fallback-enabled"`
	PrimaryProvider  *string  `yaml:"primary-provider"`
}

// definitions is read only: the table of the six flags.
var definitions = [flagCount]Definition{
	RelayEnabled: boolean(KeyRelayEnabled, true, func(e *effective, v bool) { e.relayEnabled = v },
		"the kill switch: when false, the relay gets nothing at all, neither served nor shadow requests"),
	RelayPercentage: percentage(KeyRelayPercentage, 0, func(e *effective, v uint32) { e.relay = v },
		"share of callers that the relay serves, in steps of 0.01"),
	ShadowPercentage: percentage(KeyShadowPercentage, 0, func(e *effective, v uint32) { e.shadow = v },
		"share of callers whose requests are mirrored to the provider that did not serve them"),
	NoisePercentage: percentage(KeyNoisePercentage, 0, func(e *effective, v uint32) { e.noise = v },
		"share of mirrored callers whose requests the primary gets twice, to measure its own run-to-run variation"),
	FallbackEnabled: boolean(KeyFallbackEnabled, true, func(e *effective, v bool) { e.fallback = v },
		"when the relay fails, the primary serves the request in its place"),
	PrimaryProvider: oneOf(KeyPrimaryProvider, []string{"primary", "relay"}, func(e *effective, v string) { e.referenceRelay = v == "relay" },
		"the reference, which fallback goes to and comparisons are made against"),
}

// Definition describes one of the six flags to people and to validation.
type Definition struct {
	Key     string
	Type    string   // "boolean", "percentage" (0-100) or "enum"
	Default string   // as it would be written
	Allowed []string // of an enum; its first is the default
	Meaning string   // a sentence without its full stop

	kind    kind
	builtin any // Default as a value
	set     func(*effective, any)
}

func boolean(key string, def bool, set func(*effective, bool), meaning string) Definition {
	return Definition{
		Key: key, Type: "boolean", Default: strconv.FormatBool(def), Meaning: meaning, kind: kindBool, builtin: def,
		set: func(e *effective, v any) {
			b, _ := v.(bool)
			set(e, b)
		},
	}
}

// percentage is set as a threshold in buckets.
func percentage(key string, def float64, set func(*effective, uint32), meaning string) Definition {
	return Definition{
		Key: key, Type: "percentage", Default: formatNumber(def), Meaning: meaning, kind: kindNumber, builtin: def,
		set: func(e *effective, v any) {
			f, _ := v.(float64)
			set(e, threshold(f))
		},
	}
}

func oneOf(key string, allowed []string, set func(*effective, string), meaning string) Definition {
	return Definition{
		Key: key, Type: "enum", Default: allowed[0], Allowed: allowed, Meaning: meaning, kind: kindString, builtin: allowed[0],
		set: func(e *effective, v any) {
			s, _ := v.(string)
			set(e, s)
		},
	}
}

// Suggestions are values worth offering to somebody who types: of a flag that
// takes few all of them, of a percentage the usual steps of a rollout.
func (d Definition) Suggestions() []string {
	switch d.kind {
	case kindBool:
		return []string{"true", "false"}
	case kindString:
		return slices.Clone(d.Allowed)
	}
	return []string{"0", "1", "5", "10", "25", "50", "100"}
}

// Definitions returns the six flags in their order.
func Definitions() []Definition {
	out := slices.Clone(definitions[:])
	for i := range out {
		out[i].Allowed = slices.Clone(out[i].Allowed)
	}
	return out
}

// Key returns the flag's OpenFeature key.
func (f Flag) Key() string { return definitions[f].Key }

// Keys returns the keys of the six flags in their order.
func Keys() []string {
	keys := make([]string, 0, flagCount)
	for i := range definitions {
		keys = append(keys, definitions[i].Key)
	}
	return keys
}

// flagOf finds one of the six flags by key.
func flagOf(key string) (Flag, bool) {
	for i := range definitions {
		if definitions[i].Key == key {
			return Flag(i), true
		}
	}
	return 0, false
}
