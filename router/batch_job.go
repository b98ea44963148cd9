package router

import (
	"errors"
	"net/http"

	"github.com/tidwall/gjson"

	"cutover/exchange"
	"cutover/router/affinity"
	"cutover/upstream"
)

// Why a batch job does not go to the provider that it was routed to.
const (
	jobModel    = "model"         // a strict map has no name for one of its models
	jobTooLarge = "job_too_large" // to be held, and so its models can't be renamed
	jobInParts  = "job_in_parts"  // models can't be renamed across the boundaries of parts
	jobUnread   = "job_unreadable"
)

// batchJob is a request that creates a batch job, or uploads the file for one.
// Where the provider has other names for the models in it, they are mapped.
//
// A job is all or nothing: where one of its models has no name at the provider,
// the whole job goes to the primary, and what comes of it later follows by its
// ids. That is decided before anything is sent.
type batchJob struct {
	c      *call
	place  affinity.Placement
	models *upstream.Models // of the provider that it is routed to
}

// prepare maps the models. Call it when the route is known and no provider has
// been called; it reports false where it has responded to the caller. Requests
// of other kinds are left as they are.
func (j *batchJob) prepare() bool {
	q := j.c.q
	if q.Endpoint.Kind != exchange.Stateful || q.Method != http.MethodPost {
		return true
	}
	j.models = j.c.rt.upstream(q.Route.Serve).Models()
	if !j.models.Renames(upstream.Batch) {
		return true
	}
	switch q.Path {
	case "/v1/messages/batches":
		return j.mapRequests()
	case "/v1/files":
		return j.mapUpload()
	case "/v1/uploads":
		if q.Held && gjson.GetBytes(q.Body, "purpose").Str == upstream.JobPurpose {
			return j.sendElsewhere(jobInParts)
		}
	}
	return true
}

// mapRequests maps the models of a message batch.
func (j *batchJob) mapRequests() bool {
	if !j.c.q.Held {
		return j.sendElsewhere(jobTooLarge)
	}
	if requestEncoded(j.c.q.Header) {
		return j.sendElsewhere(jobUnread)
	}
	body, err := j.models.JobRequests(j.c.q.Body)
	if err != nil {
		return j.sendElsewhere(unmappedReason(err))
	}
	if !sameSlice(body, j.c.q.Body) {
		j.c.q.Body = body
		j.dropDigests()
	}
	return true
}

// mapUpload maps the models of the file that is uploaded for a batch. To do so
// it reads the body, up to the capture limit; nothing has been sent yet.
func (j *batchJob) mapUpload() bool {
	if j.c.body.stall == nil { // not multipart: the provider will say so
		return true
	}
	n, limit := j.c.body.stream.Length, j.c.rt.cfg.CaptureLimit
	if n > limit {
		n = -1 // the beginning
	}
	held, err := j.c.body.readUpTo(j.c.body.stream.Body, n, limit)
	if err != nil {
		j.c.rejectBody(err)
		return false
	}
	kind := j.c.r.Header.Get("Content-Type")
	if j.c.body.crowded {
		j.c.body.prependStream(held)
		return j.sendElsewhere(jobTooLarge)
	}
	if int64(len(held)) > limit {
		j.c.body.prependStream(held)
		switch upstream.UploadPurpose(kind, held) {
		case upstream.JobPurpose, "": // the purpose may come after the file
			return j.sendElsewhere(jobTooLarge)
		}
		return true
	}
	j.c.body.replaceStream(held)
	if requestEncoded(j.c.q.Header) {
		return j.sendElsewhere(jobUnread)
	}
	body, err := j.models.JobUpload(kind, held)
	if err != nil {
		return j.sendElsewhere(unmappedReason(err))
	}
	if !sameSlice(body, held) {
		j.c.body.replaceStream(body)
		j.dropDigests()
	}
	return true
}

// sendElsewhere sends a job to the primary in place of the relay, unchanged. One
// that only this provider can take goes there as it is, unless that would ask
// for a model that it must not be asked for.
func (j *batchJob) sendElsewhere(why string) bool {
	q := j.c.q
	if q.Route.Serve == exchange.Relay && j.place.Binding != affinity.ToOwner {
		j.c.story.addReplaced(&exchange.Exchange{
			Arm: exchange.Relay, Upstream: j.c.rt.cfg.Relay.Name(), Class: exchange.ClassNotSent, Detail: why,
		}, "fallback")
		q.Route.Serve = exchange.Primary
		return j.prepare() // the primary may have names of its own
	}
	if why != jobModel {
		return true
	}
	j.c.pairing.offer(&j.c.rt.cfg, q)
	j.c.respondProblem(notSentProblem(why))
	return false
}

// dropDigests removes headers that describe the body before it was changed.
func (j *batchJob) dropDigests() {
	h := j.c.q.Header.Clone()
	for _, k := range [...]string{"Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
		delete(h, k)
	}
	j.c.q.Header = h
}

func unmappedReason(err error) string {
	if errors.Is(err, upstream.ErrModel) {
		return jobModel
	}
	return jobUnread
}

// requestEncoded reports whether a request's body is encoded, so that it can't
// be read.
func requestEncoded(h http.Header) bool {
	coding := h.Get("Content-Encoding")
	return coding != "" && coding != "identity"
}

// sameSlice reports whether two slices share their memory.
func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
