package compare

import (
	"fmt"
	"maps"
	"strings"
)

// Summary is what many Results come to. It merges: Add and Merge may come in
// any order and any grouping, and the figures are the same, bit for bit, since
// every sum is of whole numbers. (Only beyond maxGroups groups or maxCodes
// codes does the order decide which are counted as "other".) The zero value is
// empty and ready. A Summary is used by one goroutine at a time.
type Summary struct {
	All    Tally            `json:"all"`
	Groups map[Group]*Tally `json:"groups,omitempty"` // the same, apart
}

// Group is what pairs are counted apart by.
type Group struct {
	Endpoint string
	Model    string // as callers name it
	Stream   bool
}

// otherGroup takes the groups beyond maxGroups.
var otherGroup = Group{Endpoint: "other", Model: "other"}

// MarshalText writes "endpoint model stream" or "endpoint model whole".
func (g Group) MarshalText() ([]byte, error) {
	mode := "whole"
	if g.Stream {
		mode = "stream"
	}
	return []byte(g.Endpoint + " " + g.Model + " " + mode), nil
}

// UnmarshalText reads what MarshalText wrote.
func (g *Group) UnmarshalText(b []byte) error {
	parts := strings.Split(string(b), " ")
	if len(parts) != 3 {
		return fmt.Errorf("a group is an endpoint, a model and a mode: %q", b)
	}
	*g = Group{Endpoint: parts[0], Model: parts[1], Stream: parts[2] == "stream"}
	return nil
}

// Add counts a Result.
func (s *Summary) Add(r Result) {
	s.All.add(&r)
	s.group(Group{Endpoint: r.Endpoint, Model: r.Model, Stream: r.Stream}).add(&r)
}

// group finds or makes a group's tally.
func (s *Summary) group(g Group) *Tally {
	if t, ok := s.Groups[g]; ok {
		return t
	}
	if s.Groups == nil {
		s.Groups = map[Group]*Tally{}
	}
	if len(s.Groups) >= maxGroups {
		g = otherGroup
		if t, ok := s.Groups[g]; ok {
			return t
		}
	}
	t := &Tally{}
	s.Groups[g] = t
	return t
}

// Merge adds what another Summary counted. o stays as it was, and shares
// nothing with s afterwards.
func (s *Summary) Merge(o Summary) {
	s.All.merge(&o.All)
	for g, t := range o.Groups {
		s.group(g).merge(t)
	}
}

// Within returns what of the summary is in the scope: of one model, one
// endpoint, or both. The scope's time is the matter of whoever keeps summaries.
func (s *Summary) Within(scope Scope) Summary {
	if scope.Model == "" && scope.Endpoint == "" {
		return *s
	}
	var out Summary
	for g, t := range s.Groups {
		if (scope.Model == "" || g.Model == scope.Model) && (scope.Endpoint == "" || g.Endpoint == scope.Endpoint) {
			out.All.merge(t)
			out.group(g).merge(t)
		}
	}
	return out
}

func mergeCounts[K comparable](into, from map[K]uint64) map[K]uint64 {
	if len(into) == 0 {
		return maps.Clone(from)
	}
	for k, n := range from {
		into[k] += n
	}
	return into
}
