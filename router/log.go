package router

import "cutover/exchange"

// log writes the request's line: at info level where a decision was made on its
// way (a retry, a wait, a hedge, a fallback), else at debug level.
func (c *call) log(x *exchange.Exchange) {
	s := &c.story
	e := c.rt.cfg.Logger.Debug()
	if len(s.trail) > 0 || x.Queued > 0 || x.Hedge != "" {
		e = c.rt.cfg.Logger.Info()
	}
	if !e.Enabled() {
		return
	}
	if len(s.trail) > 0 {
		e.Interface("trail", s.trail)
	}
	if x.UnknownModel() {
		e.Str("model", exchange.Label(x.Model)).Str("model_rule", x.ModelRule)
	}
	if c.caller.comments != nil {
		e.Int("keepalive_comments", c.caller.comments.count())
	}
	if x.Queued > 0 {
		e.Dur("queued", x.Queued)
	}
	if x.Hedge != "" {
		e.Str("hedge", string(x.Hedge))
	}
	if s.replaced != nil {
		e.Str("fallback", failureReason(s.replaced))
	}
	e.Str("id", c.q.ID).Str("endpoint", c.q.Endpoint.Name).Str("served_by", x.Upstream).
		Int("status", x.Status).Str("class", string(x.Class)).Str("detail", x.Detail).
		Str("mirror_skip", c.q.Route.Skip).
		Dur("ttfb", x.TTFB).Dur("total", x.Total).Int64("bytes", x.Bytes).Msg("request")
}
