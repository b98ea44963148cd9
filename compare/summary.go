package compare

import (
	"fmt"
	"maps"
	"strings"
)

// Summary sums up many Results. Add and Merge may come in any order and any
// grouping, and the figures are the same, bit for bit, since every sum is of
// whole numbers. (Only beyond maxGroups groups or maxCodes codes does the order
// decide which are counted as "other".) The zero value is empty and ready for
// use by one goroutine at a time.
type Summary struct {
	All    Aggregate            `json:"all"`
	Groups map[Group]*Aggregate `json:"groups,omitempty"` // the same by group
}

// Group is what pairs are counted by.
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
		return fmt.Errorf("a group consists of endpoint, model and mode, found %q", b)
	}
	*g = Group{Endpoint: parts[0], Model: parts[1], Stream: parts[2] == "stream"}
	return nil
}

// Add counts a Result.
func (s *Summary) Add(r Result) {
	s.All.add(&r)
	s.group(Group{Endpoint: r.Endpoint, Model: r.Model, Stream: r.Stream}).add(&r)
}

// group finds or makes a group's aggregate.
func (s *Summary) group(g Group) *Aggregate {
	if t, ok := s.Groups[g]; ok {
		return t
	}
	if s.Groups == nil {
		s.Groups = map[Group]*Aggregate{}
	}
	if len(s.Groups) >= maxGroups {
		g = otherGroup
		if t, ok := s.Groups[g]; ok {
			return t
		}
	}
	t := &Aggregate{}
	s.Groups[g] = t
	return t
}

// Merge adds what another Summary counted. o is not changed and shares nothing
// with s afterwards.
func (s *Summary) Merge(o Summary) {
	s.All.merge(&o.All)
	for g, t := range o.Groups {
		s.group(g).merge(t)
	}
}

// Within returns the part of the summary that is in the scope: of one model, one
// endpoint, or both. The scope's time is not looked at; whoever stores summaries
// selects by time.
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
