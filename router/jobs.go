package router

import (
	"bytes"
	"errors"
	"io"
	"net/http"

	"github.com/tidwall/gjson"

	"cutover/exchange"
	"cutover/router/affinity"
	"cutover/upstream"
)

// Why a batch job does not go to the provider that was to have it.
const (
	jobModel    = "model"         // a strict map has no name for one of its models
	jobTooLarge = "job-too-large" // to be held, and so its models can't be renamed
	jobInParts  = "job-in-parts"  // models can't be renamed across the borders of parts
	jobUnread   = "job-unreadable"
)

// job prepares a request that makes a batch job, or uploads the file for one,
// for a provider that has other names for the models that are named inside.
// It must run before the provider is called and after the route is known; it
// reports false where it has answered the caller.
//
// A job is one thing: where one of its models has no name at the provider, the
// whole of it goes to the primary, and what comes of it later follows by its
// ids. That is decided before anything is sent.
func (c *call) job(place affinity.Placement) bool {
	q := c.q
	if q.Endpoint.Kind != exchange.Stateful || q.Method != http.MethodPost {
		return true
	}
	models := c.rt.upstream(q.Route.Serve).Models()
	if !models.Renames(upstream.Batch) {
		return true
	}
	switch q.Path {
	case "/v1/messages/batches":
		return c.jobRequests(models, place)
	case "/v1/files":
		return c.jobUpload(models, place)
	case "/v1/uploads":
		if q.Held && gjson.GetBytes(q.Body, "purpose").Str == upstream.JobPurpose {
			return c.jobElsewhere(place, jobInParts)
		}
	}
	return true
}

// jobRequests maps the models of a message batch.
func (c *call) jobRequests(models *upstream.Models, place affinity.Placement) bool {
	if !c.q.Held {
		return c.jobElsewhere(place, jobTooLarge)
	}
	if coded(c.q.Header) {
		return c.jobElsewhere(place, jobUnread)
	}
	body, err := models.JobRequests(c.q.Body)
	if err != nil {
		return c.jobElsewhere(place, whyNot(err))
	}
	if !same(body, c.q.Body) {
		c.q.Body = body
		c.forgetDigests()
	}
	return true
}

// jobUpload maps the models of the file that is uploaded for a batch. The body
// is read for that as far as bodies are held; nothing has been sent yet.
func (c *call) jobUpload(models *upstream.Models, place affinity.Placement) bool {
	if c.stall == nil { // no multipart: whatever it is, the provider says so
		return true
	}
	n, limit := c.stream.Length, c.rt.cfg.CaptureLimit
	if n > limit {
		n = -1 // the beginning
	}
	held, err := c.hold(c.stream.Body, n, limit)
	if err != nil {
		c.refuse(err)
		return false
	}
	kind := c.r.Header.Get("Content-Type")
	if int64(len(held)) > limit {
		c.stream = &upstream.Stream{Body: prefixed{io.MultiReader(bytes.NewReader(held), c.stream.Body), c.stall}, Length: c.stream.Length}
		switch upstream.UploadPurpose(kind, held) {
		case upstream.JobPurpose, "": // the purpose may stand behind the file
			return c.jobElsewhere(place, jobTooLarge)
		}
		return true
	}
	c.stream = &upstream.Stream{Body: io.NopCloser(bytes.NewReader(held)), Length: int64(len(held))}
	if coded(c.q.Header) {
		return c.jobElsewhere(place, jobUnread)
	}
	body, err := models.JobUpload(kind, held)
	if err != nil {
		return c.jobElsewhere(place, whyNot(err))
	}
	if !same(body, held) {
		c.stream = &upstream.Stream{Body: io.NopCloser(bytes.NewReader(body)), Length: int64(len(body))}
		c.forgetDigests()
	}
	return true
}

// jobElsewhere sends a job to the primary in place of the relay, unchanged. One
// that only this provider can take goes there as it is, unless that would ask
// for a model that it must not be asked for.
func (c *call) jobElsewhere(place affinity.Placement, why string) bool {
	q := c.q
	if q.Route.Serve == exchange.Relay && place.Binding != affinity.ToOwner {
		x := &exchange.Exchange{Arm: exchange.Relay, Upstream: c.rt.cfg.Relay.Name(), Class: exchange.ClassRefused, Detail: why}
		c.fallback = x
		c.note(x, "fallback", 0)
		q.Route.Serve = exchange.Primary
		return c.job(place) // the primary may have names of its own
	}
	if why != jobModel {
		return true
	}
	c.offer()
	c.answer(refused(why))
	return false
}

func whyNot(err error) string {
	if errors.Is(err, upstream.ErrModel) {
		return jobModel
	}
	return jobUnread
}

// coded reports whether a request's body is encoded, so that it can't be read.
func coded(h http.Header) bool {
	coding := h.Get("Content-Encoding")
	return coding != "" && coding != "identity"
}

// same reports whether two slices are one.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// forgetDigests leaves out what a header says of a body that was changed.
func (c *call) forgetDigests() {
	h := c.q.Header.Clone()
	for _, k := range [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		delete(h, k)
	}
	c.q.Header = h
}
