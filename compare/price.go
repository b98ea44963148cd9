package compare

import "strings"

// Price is what a model costs, in dollars per million tokens.
type Price struct {
	Input  float64 `json:"input" yaml:"input"`
	Output float64 `json:"output" yaml:"output"`
	// CachedInput is for input tokens that the provider read from its cache;
	// 0 means that they cost as much as others.
	CachedInput float64 `json:"cached_input,omitempty" yaml:"cached_input,omitempty"`
}

// Cost returns the dollars for one answer's tokens. cached is a part of input.
func (p Price) Cost(input, cached, output int) float64 {
	cachedPrice := p.CachedInput
	if cachedPrice == 0 {
		cachedPrice = p.Input
	}
	cached = min(max(cached, 0), max(input, 0))
	return (float64(input-cached)*p.Input + float64(cached)*cachedPrice + float64(output)*p.Output) / 1e6
}

// Prices is one provider's price table by model name. The name "default" is
// for models that no other row covers.
type Prices map[string]Price

// For finds a model's price: by its exact name, else by the longest name in
// the table that the model begins with, else the row "default".
func (p Prices) For(model string) (Price, bool) {
	if price, ok := p[model]; ok {
		return price, true
	}
	best := ""
	for name := range p {
		if len(name) > len(best) && strings.HasPrefix(model, name) {
			best = name
		}
	}
	if best == "" {
		best = "default"
	}
	price, ok := p[best]
	return price, ok
}
