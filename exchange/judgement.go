package exchange

import (
	"net/http"
	"slices"
)

// Asked is what was asked of an upstream, as far as a response is judged by it.
type Asked struct {
	Endpoint *Endpoint // never nil
	Form     AskedForm
	Choices  int // how many were asked for (n); 0: one
}

// AskedForm is the form in which a response was asked for.
type AskedForm uint8

// The forms. EitherForm is for requests that were not read.
const (
	EitherForm AskedForm = iota
	BodyForm             // one JSON text
	StreamForm           // server-sent events
)

// Asked is what the request asks for.
func (q *Request) Asked() Asked {
	a := Asked{Endpoint: q.Endpoint, Choices: q.Facts.Choices}
	if q.Held && q.Facts.Valid {
		a.Form = BodyForm
		if q.Facts.Stream && q.Endpoint.Generates {
			a.Form = StreamForm
		}
	}
	return a
}

// Got is what came of a response, as a Recorder has read it so far.
type Got struct {
	Status int    // 0: no header came
	Ended  bool   // no more will come
	End    Class  // how the transport ended; ClassNone: cleanly
	Detail string // what the transport says about that
	Bytes  int64  // of the body

	Opaque   bool // the body is not read
	Blank    bool // it holds nothing but blanks so far
	Streamed bool // it is a stream of events
	Unread   bool // there was more than is read: its end is not known
	Events   int

	Failed   bool   // an error came inside a success
	Done     bool   // the event that ends the stream came
	Finished bool   // every choice has a finish reason that is known
	Reason   string // the first choice's, in any words
	Formed   bool   // what the dialect promises was there
	Void     bool   // it was there, and empty where one thing is due
	Output   bool   // the model has put out something

	Faults []string // see Exchange.Faults
}

// Judgement says what a response is worth. Serving, breakers, mirror, comparison,
// metrics and reports all go by it.
type Judgement struct {
	// Class is ClassNone for a good response and, before its end, for one that
	// nothing speaks against yet.
	Class  Class
	Detail string // a short code for the log
	// Whole says that a caller has all of it: it ended, and well.
	Whole bool
	// CutOff says of a stream that it ended, cleanly, without an end.
	CutOff bool
	// Output says that there was output of the model.
	Output bool
	Faults []string // Got.Faults, and what was found by judging
}

// fail makes the judgement a failure for a fault of form.
func (j Judgement) fail(class Class, fault string) Judgement {
	j.Class, j.Detail = class, orElse(j.Detail, fault)
	return j.withFault(fault)
}

func (j Judgement) withFault(fault string) Judgement {
	if !slices.Contains(j.Faults, fault) {
		j.Faults = append(slices.Clip(j.Faults), fault)
	}
	return j
}

// Judge is the one judgement of a response. It depends on its arguments alone.
//
// The response decides where it tells, else the end of the transport does. A
// caller that has what it wanted goes away: official clients close the connection
// after the event that ends the stream, or after an error event. Neither is a
// failure of the transport.
func Judge(a *Asked, g *Got) Judgement {
	j := Judgement{Detail: g.Detail, Output: g.Output, Faults: g.Faults}
	if class, code := judgeStatus(a, g.Status); class != ClassNone {
		j.Class, j.Detail = class, orElse(g.Detail, code)
		return j
	}
	fault := wrongForm(a, g)
	switch {
	case g.Failed:
		j.Class, j.Detail = ClassErrorEvent, orElse(g.Detail, "error_event")
		return j
	case fault != "" && (g.Done || g.End == ClassNone || g.End == ClassMalformed):
		return j.fail(ClassMalformed, fault)
	case !g.Ended:
		return j
	case g.End == ClassBroken && g.Done:
		j.Whole = true
		return j.withFault("broken_after_done")
	case g.End == ClassAborted && g.Finished:
		j.Whole = true
		return j
	case g.End != ClassNone && (!g.Done || g.End == ClassNotSent):
		j.Class = g.End
		return j
	}
	j.CutOff = lacksEnd(a, g)
	j = judgeBody(a, g, j)
	j.Whole = j.Class == ClassNone
	return j
}

// judgeStatus says whether a status speaks against the response, whatever its
// body says. On an inference endpoint nothing but a success with a body is a
// response: a redirect, an empty success and a part of a body are none.
func judgeStatus(a *Asked, status int) (Class, string) {
	switch {
	case status >= 400:
		return ClassOfStatus(status), ""
	case a.Endpoint.Kind != Inference || status == 0:
		return ClassNone, ""
	case status >= 300:
		return ClassMalformed, "redirect"
	case status == http.StatusNoContent || status == http.StatusResetContent:
		return ClassMalformed, "no_body"
	case status == http.StatusPartialContent:
		return ClassMalformed, "partial"
	case status < 200:
		return ClassMalformed, "informational"
	}
	return ClassNone, ""
}

// maxErrorBody is the size above which one JSON text in place of a stream can't be
// an error any more, which would say more than its form does.
const maxErrorBody = 64 << 10

// wrongForm is the fault of a response that is not in the form that was asked for:
// no SDK can read the other. "": it is, or that can't be told yet.
func wrongForm(a *Asked, g *Got) string {
	switch {
	case a.Endpoint.Kind != Inference || g.Opaque || g.Blank || g.Status == 0:
	case a.Form == BodyForm && g.Streamed:
		return "streamed"
	case a.Form == StreamForm && !g.Streamed && !g.hasFault("json") && (g.Ended || g.Bytes > maxErrorBody):
		return "not_streamed"
	}
	return ""
}

func (g *Got) hasFault(code string) bool { return slices.Contains(g.Faults, code) }

// judgeBody says whether a response that ended well is what the dialect promises.
func judgeBody(a *Asked, g *Got, j Judgement) Judgement {
	switch {
	case g.Opaque:
		return j
	case g.Bytes == 0:
		return j.fail(ClassEmpty, "empty")
	case g.hasFault("encoding"):
		return j.fail(ClassMalformed, "encoding")
	case g.hasFault("json"):
		return j.fail(ClassMalformed, "json")
	case g.Unread:
		return j
	case g.Blank:
		return j.fail(ClassEmpty, "empty")
	case g.Streamed:
		return judgeStream(a, g, j)
	case !g.Formed:
		return j.fail(ClassMalformed, "shape")
	case g.Void || saysNothing(a, g):
		return j.fail(ClassEmpty, "empty")
	}
	return j
}

// judgeStream says whether a stream is over, and whether it said anything. One that
// says of every choice why it ends is, also without the event that ends it.
func judgeStream(a *Asked, g *Got, j Judgement) Judgement {
	switch {
	case g.Events == 0 && g.hasFault("content_type"):
		return j.fail(ClassMalformed, "json") // no stream after all
	case !g.Done && g.hasFault("too_large"):
		return j // the event that ends the stream may have been too long to read
	case !g.Done && g.Finished:
		return j.withFault("no_done")
	case !g.Done:
		return j.fail(ClassUnfinished, "no_done")
	case !g.Formed || saysNothing(a, g):
		return j.fail(ClassEmpty, "empty")
	}
	return j
}

// lacksEnd reports whether a stream that ended cleanly has no end: neither the event
// that ends it nor, for every choice, a finish reason. The event may have been too
// long to read.
func lacksEnd(a *Asked, g *Got) bool {
	return g.Streamed && !g.Opaque && a.Endpoint.Dialect.Spec().Streams &&
		!g.Unread && !g.Done && !g.Finished && !g.hasFault("too_large")
}

// saysNothing reports whether a completion has neither output nor a reason why it
// has none.
func saysNothing(a *Asked, g *Got) bool {
	return a.Endpoint.Generates && !g.Output && g.Reason == "" && !g.hasFault("too_large")
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
