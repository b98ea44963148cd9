package upstream

import (
	"context"
	"errors"
	"time"

	"cutover/upstream/limit"
)

// Policies decide whether a call to an upstream may be made, with which key and
// how often, and learn from how it ended. Served calls and shadow requests share
// them, because the provider counts both. A nil part, or nil Policies, decides
// nothing.
type Policies struct {
	Limiter      *limit.Limiter
	Breaker      *Breaker
	Keys         *Keys
	Retry        RetryPolicy
	Budget       *RetryBudget
	QueueTimeout time.Duration // how long a served call may wait for the limiter
}

// Run keeps the parts up to date until ctx is done.
func (c *Policies) Run(ctx context.Context) error {
	if c == nil {
		<-ctx.Done()
		return nil
	}
	ended := make(chan error, 2)
	running := 0
	if c.Limiter != nil {
		running++
		go func() { ended <- c.Limiter.Run(ctx) }()
	}
	if c.Keys != nil {
		running++
		go func() { ended <- c.Keys.Run(ctx) }()
	}
	var err error
	for range running { // both end with ctx
		err = errors.Join(err, <-ended)
	}
	if running == 0 {
		<-ctx.Done()
	}
	return err
}
