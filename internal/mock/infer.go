package mock

import (
	"net/http"
	"strings"
)

// renderer turns replies into the bytes of a dialect.
type renderer struct {
	*settings
	q        *question
	replies  []reply
	model    string // as named in the response
	noUsage  bool
	noFinish bool
}

// usage is the sum over all choices.
func (r *renderer) usage() (input, output, cached, reasoning int) {
	for i := range r.replies {
		input, cached = r.replies[i].input, r.replies[i].cached
		output += r.replies[i].output
		reasoning += r.replies[i].reason
	}
	return input, output, cached, reasoning
}

func (r *renderer) tokens() int {
	n := 0
	for i := range r.replies {
		n += r.replies[i].tokens()
	}
	return n
}

// infer handles an inference request.
func (c *call) infer() {
	if c.anthropic && c.ask.sampling && c.r.Header.Get("Anthropic-Version") >= strictVersion {
		c.fail(badRequest("", "temperature, top_p and top_k are not supported in this version of the API."))
		return
	}
	if !c.knowsThinking() {
		return
	}
	r := c.rendering()
	c.s.limits.spend(c.key(), c.settings, r.billed, c.at)
	if !c.ask.stream {
		c.plain(r)
		return
	}
	if c.ask.keep && len(r.body.text) > 0 {
		c.keep(c.route.object, r.body.fill(nil, c.id, c.at.Unix()))
	}
	c.stream(r)
}

// strictVersion is the first anthropic-version that rejects sampling settings.
const strictVersion = "2026-10-21"

// rendering composes and renders the response, or finds it in the cache.
func (c *call) rendering() *rendering {
	keep := c.over == Override{} && !c.varies(c.ask) && !c.fault.changesContent()
	key := cacheKey{route: c.route, hash: c.ask.hash, size: len(c.body)}
	if keep {
		if r := c.cache.rendering(key, c.body); r != nil {
			return r
		}
	}
	m := composer{settings: c.settings, q: c.ask, over: c.over, voice: hashText(orElse(c.Voice, c.ask.served)), draw: &c.dice}
	r := renderer{settings: c.settings, q: c.ask, replies: m.compose(), model: c.ask.served}
	switch c.fault.kind {
	case noUsage:
		r.noUsage, c.struck = true, true
	case noFinish:
		r.noFinish, c.struck = true, true
	case wrongModel:
		r.model, c.struck = "another-model", true
	case invalidUTF8:
		for i := range r.replies {
			r.replies[i].spoil()
		}
	}
	out := c.route.render(&r)
	out.tokens = r.tokens()
	_, out.billed, _, _ = r.usage()
	if keep {
		c.cache.keepRendering(key, c.body, out)
	}
	return out
}

// changesContent reports whether the fault changes the response itself and not only
// its delivery.
func (f fault) changesContent() bool {
	switch f.kind {
	case noUsage, noFinish, wrongModel, invalidUTF8:
		return true
	}
	return false
}

// spoiled stands for invalid UTF-8 until the response is delivered. It is a private-use
// rune of three bytes, as long as what replaces it.
const (
	spoiled     = "\uE0FF"
	spoiledByte = "\xff\xfe\x80"
)

// spoil puts the mark into the text, or into the arguments of the first call.
func (a *reply) spoil() {
	switch {
	case len(a.pieces) > 0:
		a.pieces[0] += spoiled
		a.text = strings.Join(a.pieces, "")
	case len(a.calls) > 0 && len(a.calls[0].pieces) > 0:
		a.calls[0].pieces[0] += spoiled
		a.calls[0].args = strings.Join(a.calls[0].pieces, "")
	}
}

// plain sends a response that is not streamed, after the time that it takes to
// generate it.
func (c *call) plain(r *rendering) {
	if !c.waitWhole(r.tokens) {
		panic(http.ErrAbortHandler)
	}
	c.header()
	body := r.body.fill(nil, c.id, c.at.Unix())
	if c.ask.keep {
		c.keep(c.route.object, body)
	}
	c.send(http.StatusOK, "application/json", body)
}
