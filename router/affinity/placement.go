package affinity

import (
	"context"

	"cutover/exchange"
)

// Binding is how strongly a request is bound to one provider.
type Binding uint8

// The bindings.
const (
	Unbound     Binding = iota // nothing known here binds it: the usual routing rules apply
	ToOwner                    // it names an id whose provider is known
	ToCreator                  // it creates something: either provider can, by the caller's share
	ToPrimary                  // it names an id that nobody knows, or concerns one provider's objects at large
	ToReference                // it lists what exists
)

// Placement is where a request belongs.
type Placement struct {
	Binding Binding
	Owner   exchange.Arm // with ToOwner
	ID      string       // with ToOwner: the id that decided
}

// Arm says who must serve the request; ok is false where the caller's share
// decides. reference is the side that fallback goes to.
func (p Placement) Arm(reference exchange.Arm) (arm exchange.Arm, ok bool) {
	switch p.Binding {
	case ToOwner:
		return p.Owner, true
	case ToReference:
		return reference, true
	case ToPrimary:
		return exchange.Primary, true
	}
	return exchange.Primary, false
}

// Find says where a request belongs. For a request to an inference endpoint
// that names nothing it costs a look at one field; for an id that is not cached
// it queries the store, which may take 50 ms at most.
func (t *Table) Find(ctx context.Context, q *exchange.Request) Placement {
	switch q.Endpoint.Kind {
	case exchange.Inference:
		if q.Facts.Stateful == "" && !fineTuned(q.Facts.Model) {
			return Placement{}
		}
	case exchange.Stateful:
	default:
		return Placement{}
	}
	ids := requestIDs(q)
	if len(ids.ids) > 0 {
		if arm, id, ok := t.owner(ctx, ids.ids); ok {
			return Placement{ToOwner, arm, id}
		}
	}
	switch {
	case q.Endpoint.Kind == exchange.Inference:
		// A request bound by something other than an id is the router's to judge.
		if len(ids.ids) > 0 {
			return Placement{Binding: ToPrimary}
		}
		return Placement{}
	case len(ids.ids) > 0:
		return Placement{Binding: ToPrimary}
	case q.Method == "GET" || q.Method == "HEAD":
		return Placement{Binding: ToReference}
	case q.Method == "POST" && creates(q.Endpoint.Name):
		return Placement{Binding: ToCreator}
	}
	return Placement{Binding: ToPrimary}
}

// creates reports whether a POST to the endpoint of that name creates something
// that either provider could create.
func creates(name string) bool {
	switch name {
	case "files", "uploads", "batches", "vector_stores", "conversations", "threads", "threads/runs", "assistants",
		"fine_tuning/jobs", "containers", "messages/batches", "skills", "evals", "videos":
		return true
	}
	return false
}
