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
	modelsBytes    = 8 << 20         // of each provider's list
	modelsPatience = 2 * time.Second // for the list that is not the reference's
)

// modelsKey is the targeting key of callers who give none: what a list holds
// must not change from page to page.
const modelsKey = "models"

// listing is what a provider answered to a call for its models.
type listing struct {
	a    *attempt
	list modelList
	ok   bool // list is one
}

// merged is a request for models that both providers answer.
type merged struct {
	*call
	reference exchange.Arm
	key       string
	decision  flags.Decision
}

// models returns the request as one that both providers should answer: a list
// of models, or one model.
func (c *call) models() (merged, bool) {
	q := c.q
	if !c.rt.cfg.MergeModels || q.Endpoint.Name != "models" || q.Method != http.MethodGet || !q.Held {
		return merged{}, false
	}
	m := merged{call: c, key: modelsKey}
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
func (m *merged) decide(model string, stream bool) flags.Decision {
	endpoint := "chat/completions"
	if speaksAnthropic(m.q) {
		endpoint = "messages"
	}
	return m.rt.cfg.Decide(flags.Attributes{TargetingKey: m.key, Model: model, Endpoint: endpoint, Tenant: m.q.Tenant, Stream: stream})
}

// reached reports whether a call of this caller by a name that only the other
// provider lists would be answered by that very model: the map must leave the
// name as it is, and the flags send the call there, or the other one answer in
// the reference's place.
func (m *merged) reached(id string) bool {
	other := m.reference.Other()
	models := m.rt.upstream(other).Models()
	same := false
	for _, use := range [...]upstream.Use{upstream.AnyUse, upstream.Streaming, upstream.Batch} {
		to := models.Map(id, use)
		same = same || to.Known && to.Name == id
	}
	if !same {
		return false
	}
	if m.rt.cfg.ReplaceReference && m.decision.Fallback && m.rt.upstream(m.reference).FallsBackOn(http.StatusNotFound) {
		return true
	}
	for _, stream := range [...]bool{false, true} {
		if m.decide(id, stream).ServeRelay == (other == exchange.Relay) {
			return true
		}
	}
	return false
}

// serve answers the request.
func (m *merged) serve() {
	q := m.q
	if _, id, one := strings.Cut(strings.TrimPrefix(q.Path, "/v1/"), "/"); one {
		m.serveOne(id)
		return
	}
	page, ok := readPaging(q)
	if !ok {
		m.call.serve()
		return
	}
	m.route()
	m.serveList(page)
}

// route says where the request went, and counts it as one that is not mirrored.
func (m *merged) route() {
	m.q.Route = exchange.Route{
		Relay: true, Serve: m.reference, Reference: m.reference, Fallback: m.decision.Fallback,
		Flags: m.decision.Version, Skip: exchange.SkipEndpoint,
	}
	m.offer()
}

// asking is a call of its own for one of two providers that are asked at once:
// the same request, with another query, whose answer can be read.
func (m *merged) asking(query string) *call {
	q := *m.q
	q.RawQuery = query
	q.Header = q.Header.Clone()
	for _, k := range [...]string{"Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range"} {
		delete(q.Header, k)
	}
	return &call{rt: m.rt, w: m.w, r: m.r, q: &q, racing: true}
}

// ask calls a provider for its models and reads what it answers.
func (m *merged) ask(ctx context.Context, arm exchange.Arm, query string) listing {
	l := listing{a: m.asking(query).begin(ctx, arm, time.Time{})}
	if l.a.resp == nil || l.a.resp.StatusCode != http.StatusOK {
		return l
	}
	l.a.readAll(modelsBytes)
	if coding := l.a.resp.Header.Get("Content-Encoding"); l.a.whole && (coding == "" || coding == "identity") {
		l.list, l.ok = readModels(l.a.held)
	}
	return l
}

// askOther is ask for the provider that is not the reference, within its bound.
func (m *merged) askOther(query string) (<-chan listing, context.CancelFunc) {
	ctx, cancel := context.WithTimeoutCause(m.r.Context(), modelsPatience, &upstream.TimeoutError{Class: exchange.ClassTimeout})
	out := make(chan listing, 1)
	m.others.Go(func() { out <- m.ask(ctx, m.reference.Other(), query) })
	return out, cancel
}

// readAll reads an answer to its end, if that comes within the limit and it is
// no stream. One that breaks has ended.
func (a *attempt) readAll(limit int) {
	a.absorb(limit + 1)
	if a.after != nil {
		a.end(a.after)
	}
}

// serveList answers with the lists of both providers, or with the one of them
// that there is.
func (m *merged) serveList(page paging) {
	wait, cancel := m.askOther(page.query)
	defer cancel()
	ref := m.ask(m.r.Context(), m.reference, page.query)
	other := <-wait
	switch {
	case ref.ok && ref.list.more: // more than can be merged: the reference's alone, as it pages it
		ref.a.drop()
		other.a.drop()
		m.relay()
	case ref.ok:
		m.merge(ref, other, page)
	case other.ok && m.r.Context().Err() == nil && m.missing(ref.a):
		m.replace(ref, other, page)
	default: // what the reference says, as it came
		other.a.drop()
		m.pass(ref.a)
	}
}

// missing reports whether a provider failed to give a list, for a reason that
// is its own. What it says of the caller's key or request stands.
func (m *merged) missing(a *attempt) bool {
	if !m.decision.Fallback {
		return false
	}
	if a.resp == nil || a.after != nil {
		return true
	}
	status := a.resp.StatusCode
	return status != http.StatusUnauthorized && status != http.StatusForbidden && (status == http.StatusOK && a.whole || a.up.FallsBackOn(status))
}

// merge answers with the reference's list and what the other adds to it.
func (m *merged) merge(ref, other listing, page paging) {
	by := ref.a.up.Name()
	var more []modelEntry
	if other.ok && other.list.anthropic == ref.list.anthropic {
		by += ", " + other.a.up.Name()
		more = ref.list.without(other.list.entries, m.reached)
	} else {
		m.leaveOut(other.a)
	}
	if !ref.list.anthropic || page.limit == 0 {
		m.answerModels(ref.a, by, ref.list.append(more))
		return
	}
	entries := append(ref.list.entries[:len(ref.list.entries):len(ref.list.entries)], more...)
	cut, further, ok := page.cut(entries)
	if !ok && m.fallback == nil { // an id that neither has: the reference says so in its own words
		ref.a.drop()
		m.relay()
		return
	}
	m.answerModels(ref.a, by, ref.list.page(cut, further))
}

// replace answers with the other's list alone: all of it, for while the
// reference fails, what the other has is what there is.
func (m *merged) replace(ref, other listing, page paging) {
	m.leaveOut(ref.a)
	if !other.list.anthropic || page.limit == 0 {
		m.pass(other.a)
		return
	}
	entries, further, _ := page.cut(other.list.entries)
	m.answerModels(other.a, other.a.up.Name(), other.list.page(entries, further))
}

// leaveOut notes why a provider's list is not in the answer.
func (m *merged) leaveOut(a *attempt) {
	a.drop()
	if a.x.Class == exchange.ClassNone {
		a.x.Class, a.x.Detail = exchange.ClassMalformed, "no-list"
	}
	m.fallback = a.x
	m.note(a.x, "merge", 0)
}

// answerModels answers with a list in place of the body of an answer that was
// read.
func (m *merged) answerModels(a *attempt, by string, body []byte) {
	h := m.w.Header()
	upstream.CopyEndToEnd(h, a.resp.Header)
	for _, k := range [...]string{"Etag", "Last-Modified", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest", "Accept-Ranges"} {
		delete(h, k)
	}
	if _, ok := h["Date"]; !ok {
		h["Date"] = nil
	}
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	m.announce(h, by)
	m.patience(time.Now())
	m.w.WriteHeader(http.StatusOK)
	_, _ = m.w.Write(body) // a caller that is gone has nothing to be told
	m.lapse()
	m.finish(a.x)
}

// serveOne answers with one model: the reference's answer, or the other's where
// the reference does not know it.
func (m *merged) serveOne(escaped string) {
	m.route()
	id, err := url.PathUnescape(escaped)
	a := m.begin(m.r.Context(), m.reference, time.Time{})
	if err != nil || a.resp == nil || a.resp.StatusCode != http.StatusNotFound || !m.reached(id) {
		m.pass(a)
		return
	}
	ctx, cancel := context.WithTimeoutCause(m.r.Context(), modelsPatience, &upstream.TimeoutError{Class: exchange.ClassTimeout})
	defer cancel()
	other := m.begin(ctx, m.reference.Other(), time.Time{})
	if other.resp != nil && other.resp.StatusCode == http.StatusOK {
		other.readAll(modelsBytes)
		if other.whole {
			a.drop()
			m.pass(other)
			return
		}
	}
	other.drop()
	m.pass(a)
}
