package mock

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Fault is something that goes wrong with some requests.
//
// Kind is one of the names below. "reset-after-3" and similar names give the number of
// content tokens after which a fault of a stream applies (0: after the header and the
// opening events, before any content). For a response that is not streamed, 0 means
// after the header, and any other number the middle of the body.
//
//	400 ... 599              an error with this status, in the caller's API format (429, 503 and 529 with Retry-After)
//	refuse                   the connection is closed before a header
//	reset                    the connection is reset (RST) before a header
//	hang                     no header, ever
//	hang-after-N             header, N tokens, then silence
//	reset-after-N            header, N tokens, then RST
//	cut-after-N              header, N tokens, then the connection is closed in the middle of the body
//	end-after-N              header, N tokens, then a clean end without the dialect's final events
//	error-event-after-N      header, N tokens, then an error event behind the 200
//	garbage-after-N          header, N tokens, then bytes that are not events
//	no-done                  everything but the dialect's final event ([DONE], message_stop, response.completed)
//	no-finish                no finish reason
//	no-usage                 no usage, even if it was requested
//	wrong-order              events in an order that the protocol does not allow
//	wrong-model              the response names another model
//	invalid-utf8             bytes that are not UTF-8 inside the text
//	empty                    200 without a body
//	not-json                 200 with a page of HTML
//	truncated                JSON (or the last event) that ends halfway, cleanly
//	wrong-length             Content-Length announces more than is sent
//	drip                     one byte at a time
//
// "hang", "reset", "cut", "end", "error-event" and "garbage" without a number
// apply at 0, except that plain "hang" and "reset" apply before the header.
type Fault struct {
	Kind string `yaml:"kind" json:"kind"`
	// Rate is the share of the requests that it affects, from 0 to 1.
	Rate float64 `yaml:"rate" json:"rate"`
	// Endpoint limits it to one endpoint, named by its path without the base
	// ("chat/completions"). Empty: all inference endpoints; "*": all endpoints.
	Endpoint string `yaml:"endpoint,omitempty" json:"endpoint,omitempty"`
	// Model limits it to requests for this model.
	Model string `yaml:"model,omitempty" json:"model,omitempty"`
	// Stream limits it to streamed (true) or plain (false) responses.
	Stream *bool `yaml:"stream,omitempty" json:"stream,omitempty"`
}

// fault is the fault of one request. The zero fault is none.
type fault struct {
	kind   faultKind
	status int // of a status fault
	after  int // content tokens before it applies
}

type faultKind uint8

const (
	noFault faultKind = iota
	statusFault
	refuseFault
	resetFault // before the header
	hangFault  // before the header
	hangAfter
	resetAfter
	cutAfter
	endAfter
	errorEventAfter
	garbageAfter
	noDone
	noFinish
	noUsage
	wrongOrder
	wrongModel
	invalidUTF8
	emptyBody
	notJSON
	truncated
	wrongLength
	drip
)

// faultKinds are the names that have no number of their own.
func faultKinds() map[string]faultKind {
	return map[string]faultKind{
		"refuse": refuseFault, "reset": resetFault, "hang": hangFault,
		"cut": cutAfter, "end": endAfter, "error-event": errorEventAfter, "garbage": garbageAfter,
		"no-done": noDone, "no-finish": noFinish, "no-usage": noUsage, "wrong-order": wrongOrder,
		"wrong-model": wrongModel, "invalid-utf8": invalidUTF8, "empty": emptyBody, "not-json": notJSON,
		"truncated": truncated, "wrong-length": wrongLength, "drip": drip,
	}
}

// faultsAfter are the names that may carry "-after-N".
func faultsAfter() map[string]faultKind {
	return map[string]faultKind{
		"hang": hangAfter, "reset": resetAfter, "cut": cutAfter, "end": endAfter,
		"error-event": errorEventAfter, "garbage": garbageAfter,
	}
}

// FaultKinds lists the kinds that Fault.Kind knows, for help texts; N stands
// for a number.
func FaultKinds() []string {
	names := []string{"400..599"}
	for name := range faultKinds() {
		names = append(names, name)
	}
	for name := range faultsAfter() {
		names = append(names, name+"-after-N")
	}
	slices.Sort(names)
	return names
}

// parseFault reads a kind as written in files and headers. "" and "ok" are no
// fault.
func parseFault(spec string) (fault, error) {
	spec = strings.TrimSpace(spec)
	if spec == "" || spec == "ok" {
		return fault{}, nil
	}
	if status, err := strconv.Atoi(spec); err == nil {
		if status < 400 || status > 599 {
			return fault{}, fmt.Errorf("fault %d: a status must be from 400 to 599", status)
		}
		return fault{kind: statusFault, status: status}, nil
	}
	if name, number, found := strings.Cut(spec, "-after-"); found {
		kind, known := faultsAfter()[name]
		after, err := strconv.Atoi(number)
		if known && err == nil && after >= 0 {
			return fault{kind: kind, after: after}, nil
		}
	}
	if kind, known := faultKinds()[spec]; known {
		return fault{kind: kind}, nil
	}
	return fault{}, fmt.Errorf("no fault is called %q; use a status or one of %s", spec, strings.Join(FaultKinds()[1:], ", "))
}

// compile checks the fault and returns its rule.
func (f *Fault) compile() (fault, error) {
	if f.Kind == "" {
		return fault{}, fmt.Errorf("kind is missing")
	}
	if !isRate(f.Rate) {
		return fault{}, fmt.Errorf("rate must be from 0 to 1, got %v", f.Rate)
	}
	return parseFault(f.Kind)
}

// rule is a compiled Fault.
type rule struct {
	fault
	rate     float64
	endpoint string
	model    string
	stream   *bool
}

// matches reports whether the rule is for a request to this endpoint.
func (r *rule) matches(endpoint string, inference bool, model string, stream bool) bool {
	switch r.endpoint {
	case "":
		if !inference {
			return false
		}
	case "*":
	default:
		if r.endpoint != endpoint {
			return false
		}
	}
	if r.model != "" && r.model != model {
		return false
	}
	return r.stream == nil || *r.stream == stream
}

// drawFault draws once for all matching rules, so that rates add up and at most one
// applies.
func drawFault(rules []rule, d *dice, endpoint string, inference bool, model string, stream bool) fault {
	if len(rules) == 0 {
		return fault{}
	}
	at := d.float()
	for i := range rules {
		r := &rules[i]
		if !r.matches(endpoint, inference, model, stream) {
			continue
		}
		if at < r.rate {
			return r.fault
		}
		at -= r.rate
	}
	return fault{}
}

// String is the fault as parseFault reads it.
func (f fault) String() string {
	if f.kind == noFault {
		return "ok"
	}
	if f.kind == statusFault {
		return strconv.Itoa(f.status)
	}
	for name, kind := range faultsAfter() {
		if kind == f.kind {
			return name + "-after-" + strconv.Itoa(f.after)
		}
	}
	for name, kind := range faultKinds() {
		if kind == f.kind {
			return name
		}
	}
	return ""
}
