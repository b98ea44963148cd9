package flags

import "github.com/open-feature/go-sdk/openfeature"

// WithHooks returns options with OpenFeature hooks, which nothing but tests sets.
func WithHooks(o Options, hooks ...openfeature.Hook) Options {
	o.hooks = hooks
	return o
}
