package shadow

import "time"

// SetClock replaces time.Now.
func (c *BudgetConfig) SetClock(clock func() time.Time) { c.clock = clock }

// SetMaxResponse sets the largest shadow response, in bytes.
func (c *Config) SetMaxResponse(n int) { c.maxResponse = n }

// SetQueue sets how many pairs may wait for a comparison.
func (c *Config) SetQueue(n int) { c.queue = n }

// SetWorkers sets the number of concurrent comparisons.
func (c *Config) SetWorkers(n int) { c.workers = n }

// SetBeforeCall sets what happens at the start of each call.
func (c *Config) SetBeforeCall(f func()) { c.beforeCall = f }
