// Package limit keeps the calls to one upstream within its limits: requests and
// tokens per minute, calls in flight, and what the provider itself reports in
// its rate limit headers. Sidecars can share the limits through Redis.
//
//   - limiter.go, queue.go, lease.go: a call acquires a lease, or waits for one
//   - local.go, gcra.go, slots.go: the limits of one sidecar by itself
//   - provider_limits.go, provider_headers.go, retry_after.go: what the provider says
//   - fleet.go, fleet_sync.go, fleet_demand.go, fleet_permits.go, fleet.lua: shared limits
package limit
