package flags

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Values are flag values from configuration; nil leaves a flag at its default.
// Redis, the flags file and the last good values on disk overrule them.
type Values struct {
	RelayEnabled     *bool    `yaml:"relay-enabled" json:"relay-enabled,omitempty"`
	RelayPercentage  *float64 `yaml:"relay-percentage" json:"relay-percentage,omitempty"`
	ShadowPercentage *float64 `yaml:"shadow-percentage" json:"shadow-percentage,omitempty"`
	NoisePercentage  *float64 `yaml:"noise-percentage" json:"noise-percentage,omitempty"`
	FallbackEnabled  *bool    `yaml:"fallback-enabled" json:"fallback-enabled,omitempty"`
	PrimaryProvider  *string  `yaml:"primary-provider" json:"primary-provider,omitempty"`
}

// Validate reports the first value that a flag may not have, by its key.
func (v Values) Validate() error {
	fields := v.fields()
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if err := ValidateValue(key, fields[key]); err != nil {
			return err
		}
	}
	return nil
}

// fields writes the values as a store would hold them.
func (v Values) fields() map[string]string {
	out := map[string]string{}
	number := func(key string, p *float64) {
		if p != nil {
			out[key] = formatNumber(*p)
		}
	}
	boolean := func(key string, p *bool) {
		if p != nil {
			out[key] = strconv.FormatBool(*p)
		}
	}
	boolean(KeyRelayEnabled, v.RelayEnabled)
	number(KeyRelayPercentage, v.RelayPercentage)
	number(KeyShadowPercentage, v.ShadowPercentage)
	number(KeyNoisePercentage, v.NoisePercentage)
	boolean(KeyFallbackEnabled, v.FallbackEnabled)
	if v.PrimaryProvider != nil {
		out[KeyPrimaryProvider] = *v.PrimaryProvider
	}
	return out
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// ValidateValue reports why a value can't be stored under a key: of the wrong
// type, out of range, not one of the allowed, or a broken flag definition. Any
// well-formed value is right for a key that is not one of the six flags.
func ValidateValue(key, value string) error {
	if key == "" || len(key) > maxKeyBytes {
		return fmt.Errorf("flag key %.40q: must have 1 to %d bytes", key, maxKeyBytes)
	}
	if key == evaluatorsKey {
		_, err := parseEvaluators(value)
		return err
	}
	_, err := compileFlag(key, value, nil)
	return err
}
