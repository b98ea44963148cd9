package flags

import "slices"

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

// Key returns the flag's OpenFeature key.
func (f Flag) Key() string { return definitions[f].Key }

// Definition describes one of the six flags to people and to validation.
type Definition struct {
	Key     string `json:"key"`
	Type    string `json:"type"`    // "boolean", "percentage" (0-100) or "enum"
	Default string `json:"default"` // as it would be written
	Meaning string `json:"meaning"`
	kind    kind
}

// definitions is read only: the table of the six flags, by Flag.
var definitions = [flagCount]Definition{
	{KeyRelayEnabled, "boolean", "true", "off: the relay gets nothing at all, served or mirrored. The kill switch", kindBool},
	{KeyRelayPercentage, "percentage", "0", "share of callers that the relay serves", kindNumber},
	{KeyShadowPercentage, "percentage", "0", "share of requests mirrored to the provider that did not serve", kindNumber},
	{KeyNoisePercentage, "percentage", "0", "share of mirrored requests for which the primary is called twice", kindNumber},
	{KeyFallbackEnabled, "boolean", "true", "a failing relay is hidden by the primary", kindBool},
	{KeyPrimaryProvider, "enum", "primary", "which one is the reference: \"primary\" or \"relay\"", kindString},
}

// Definitions returns the six flags in their order.
func Definitions() []Definition { return slices.Clone(definitions[:]) }

// Keys returns the keys of the six flags in their order.
func Keys() []string {
	keys := make([]string, 0, flagCount)
	for _, d := range definitions {
		keys = append(keys, d.Key)
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
