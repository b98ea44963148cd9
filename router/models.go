package router

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cutover/exchange"
	"cutover/flags"
	"cutover/upstream"
)

// The bounds of a merged list of models.
const (
	modelsBytes   = 8 << 20         // of each provider's list
	modelsTimeout = 2 * time.Second // for the list that is not the reference's
)

// modelsKey is the targeting key of callers who give none: what a list contains
// must not change from page to page.
const modelsKey = "models"

// mergedModels is a request for models that both providers serve: the list, or
// one model.
type mergedModels struct {
	c         *call
	reference exchange.Arm
	key       string // targeting key
	decision  flags.Decision
}

// fetched is a provider's response to a call for its models.
type fetched struct {
	a    *attempt
	list modelList
	ok   bool // list is one
}

// newMergedModels returns the call as one that both providers serve; false
// where it is none.
func newMergedModels(c *call) (mergedModels, bool) {
	q := c.q
	if !c.rt.cfg.MergeModels || q.Endpoint.Name != "models" || q.Method != http.MethodGet || !q.Held {
		return mergedModels{}, false
	}
	m := mergedModels{c: c, key: modelsKey}
	if q.KeyFrom == "header" {
		m.key = q.Key
	}
	m.decision = m.decide("", false)
	if m.decision.ReferenceRelay {
		m.reference = exchange.Relay
	}
	return m, m.decision.RelayEnabled
}

// decide is what the flags say to a call of this caller for a model.
func (m *mergedModels) decide(model string, stream bool) flags.Decision {
	endpoint := exchange.Speaker(m.c.q).Spec().Endpoint()
	return m.c.rt.cfg.Decide(flags.Attributes{
		TargetingKey: m.key, Model: model, Endpoint: endpoint, Tenant: m.c.q.Tenant, Stream: stream,
	})
}

// reaches reports whether a call of this caller by a name that only the other
// provider lists would be served by that very model: the map must leave the
// name as it is, and the flags send the call there, or the other one serve in
// the reference's place.
func (m *mergedModels) reaches(id string) bool {
	rt := m.c.rt
	other := m.reference.Other()
	models := rt.upstream(other).Models()
	same := false
	for _, use := range [...]upstream.Use{upstream.AnyUse, upstream.Streaming, upstream.Batch} {
		to := models.Map(id, use)
		same = same || to.Known && to.Name == id
	}
	if !same {
		return false
	}
	if rt.cfg.ReplaceReference && m.decision.Fallback && rt.upstream(m.reference).FallsBackOn(http.StatusNotFound) {
		return true
	}
	for _, stream := range [...]bool{false, true} {
		if m.decide(id, stream).ServeRelay == (other == exchange.Relay) {
			return true
		}
	}
	return false
}

// serve responds to the request.
func (m *mergedModels) serve() {
	q := m.c.q
	if _, id, one := strings.Cut(strings.TrimPrefix(q.Path, "/v1/"), "/"); one {
		m.serveOne(id)
		return
	}
	page, ok := parsePaging(q)
	if !ok {
		m.c.serve()
		return
	}
	m.route()
	m.serveList(page)
}

// route says where the request went, and counts it as one that is not mirrored.
func (m *mergedModels) route() {
	m.c.q.Route = exchange.Route{
		Relay: true, Serve: m.reference, Reference: m.reference, Fallback: m.decision.Fallback,
		Flags: m.decision.Version, Skip: exchange.SkipEndpoint,
	}
	m.c.pairing.offer(&m.c.rt.cfg, m.c.q)
}

// withQuery is a call of its own for one of two providers that are called at
// once: the same request, with another query, whose response can be read.
func (m *mergedModels) withQuery(query string) *call {
	q := *m.c.q
	q.RawQuery = query
	q.Header = q.Header.Clone()
	for _, k := range [...]string{"Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range"} {
		delete(q.Header, k)
	}
	return newCall(m.c.rt, m.c.caller.w, m.c.r, &q)
}

// fetch calls a provider for its models and reads the response.
func (m *mergedModels) fetch(ctx context.Context, arm exchange.Arm, query string) fetched {
	f := fetched{a: m.withQuery(query).startAttempt(ctx, arm, attemptOptions{noHints: true})}
	if f.a.resp == nil || f.a.resp.StatusCode != http.StatusOK {
		return f
	}
	f.a.bufferAll(modelsBytes)
	if coding := f.a.resp.Header.Get("Content-Encoding"); f.a.complete && (coding == "" || coding == "identity") {
		f.list, f.ok = parseModelList(f.a.held)
	}
	return f
}

// otherContext bounds the call to the provider that is not the reference.
func (m *mergedModels) otherContext() (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(m.c.r.Context(), modelsTimeout, &upstream.TimeoutError{Class: exchange.ClassTimeout})
}

// serveList responds with the lists of both providers, or with the only one
// that there is.
func (m *mergedModels) serveList(page paging) {
	ctx, cancel := m.otherContext()
	defer cancel()
	wait := make(chan fetched, 1)
	m.c.background.run(func() { wait <- m.fetch(ctx, m.reference.Other(), page.query) })
	ref := m.fetch(m.c.r.Context(), m.reference, page.query)
	other := <-wait
	switch {
	case ref.ok && ref.list.more: // more than can be merged: the reference's alone, as it pages it
		ref.a.discard()
		other.a.discard()
		m.c.respond()
	case ref.ok:
		m.serveBoth(ref, other, page)
	case other.ok && m.c.r.Context().Err() == nil && m.replaceable(ref.a):
		m.serveOtherAlone(ref, other, page)
	default: // what the reference says, as it came
		other.a.discard()
		m.c.deliver(ref.a)
	}
}

// replaceable reports whether a provider gave no list for a reason of its own.
// What it says of the caller's key or request stands.
func (m *mergedModels) replaceable(a *attempt) bool {
	if !m.decision.Fallback {
		return false
	}
	if a.resp == nil || a.readErr != nil {
		return true
	}
	status := a.resp.StatusCode
	return status != http.StatusUnauthorized && status != http.StatusForbidden &&
		(status == http.StatusOK && a.complete || a.up.FallsBackOn(status))
}

// serveBoth responds with the reference's list and what the other adds to it.
func (m *mergedModels) serveBoth(ref, other fetched, page paging) {
	by := ref.a.up.Name()
	var more []modelEntry
	if other.ok && other.list.anthropic == ref.list.anthropic {
		by += ", " + other.a.up.Name()
		more = ref.list.additions(other.list.entries, m.reaches)
	} else {
		m.leaveOut(other.a)
	}
	if !ref.list.anthropic || page.limit == 0 {
		m.writeList(ref.a, by, ref.list.appended(more))
		return
	}
	all := append(ref.list.entries[:len(ref.list.entries):len(ref.list.entries)], more...)
	entries, further, ok := page.slice(all)
	if !ok && m.c.story.replaced == nil { // an id that neither has: the reference says so in its own words
		ref.a.discard()
		m.c.respond()
		return
	}
	m.writeList(ref.a, by, ref.list.paged(entries, further))
}

// serveOtherAlone responds with the other's list alone, all of it: while the
// reference fails, what the other has is what there is.
func (m *mergedModels) serveOtherAlone(ref, other fetched, page paging) {
	m.leaveOut(ref.a)
	if !other.list.anthropic || page.limit == 0 {
		m.c.deliver(other.a)
		return
	}
	entries, further, _ := page.slice(other.list.entries)
	m.writeList(other.a, other.a.up.Name(), other.list.paged(entries, further))
}

// leaveOut records why a provider's list is not in the response.
func (m *mergedModels) leaveOut(a *attempt) {
	a.discard()
	if a.x.Class == exchange.ClassNone {
		a.x.Class, a.x.Detail = exchange.ClassMalformed, "no_list"
	}
	m.c.story.addReplaced(a.x, "merge")
}

// writeList responds with a list in place of the body of a response that was
// read.
func (m *mergedModels) writeList(a *attempt, by string, body []byte) {
	c := m.c
	h := c.caller.w.Header()
	a.up.CopyResponse(h, a.resp.Header)
	for _, k := range [...]string{"Etag", "Last-Modified", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"} {
		delete(h, k)
	}
	if _, ok := h["Date"]; !ok {
		h["Date"] = nil
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	c.rt.setOwnHeaders(h, c.q.ID, by, c.story.replaced)
	c.caller.writeHeader(http.StatusOK)
	_, _ = c.caller.w.Write(body) // a caller that is gone cannot be told anything
	c.caller.deadline.clear()
	c.finish(a.x)
}

// serveOne responds with one model: the reference's response, or the other's
// where the reference does not know the model.
func (m *mergedModels) serveOne(escaped string) {
	m.route()
	c := m.c
	id, err := url.PathUnescape(escaped)
	a := c.startAttempt(c.r.Context(), m.reference, attemptOptions{noHints: true})
	if err != nil || a.resp == nil || a.resp.StatusCode != http.StatusNotFound || !m.reaches(id) {
		c.deliver(a)
		return
	}
	ctx, cancel := m.otherContext()
	defer cancel()
	other := c.startAttempt(ctx, m.reference.Other(), attemptOptions{noHints: true})
	if other.resp != nil && other.resp.StatusCode == http.StatusOK {
		other.bufferAll(modelsBytes)
		if other.complete {
			a.discard()
			c.deliver(other)
			return
		}
	}
	other.discard()
	c.deliver(a)
}
