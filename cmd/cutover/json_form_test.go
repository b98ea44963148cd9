package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"cutover/compare"
	"cutover/flags"
	"cutover/internal/admin"
	"cutover/internal/demo"
	"cutover/internal/doctor"
	"cutover/internal/millis"
)

// printedTypes are all that cutover writes as JSON for programs: responses of the
// admin API and what commands print with --output json.
func printedTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[admin.Readiness](), reflect.TypeFor[admin.Status](), reflect.TypeFor[admin.Rollout](),
		reflect.TypeFor[admin.FlagList](), reflect.TypeFor[admin.EntryList](), reflect.TypeFor[admin.ResultList](),
		reflect.TypeFor[admin.ErrorBody](), reflect.TypeFor[admin.FlagSetting](), reflect.TypeFor[admin.HaltRequest](),
		reflect.TypeFor[compare.Report](), reflect.TypeFor[compare.Sample](), reflect.TypeFor[flags.Flip](),
		reflect.TypeFor[flags.Explanation](), reflect.TypeFor[doctor.Diagnosis](), reflect.TypeFor[demo.Outcome](),
		reflect.TypeFor[buildFacts](),
	}
}

// The form of members.
var (
	snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	// ofTime are the names that mean a span of time.
	ofTime = regexp.MustCompile(`(^|_)(ttfb|ttft|total|took|age|uptime|delay|soak|duration|latency|elapsed|timeout|gap|wait)(_|$)`)
	// otherUnits are those that milliseconds are written instead of.
	otherUnits = regexp.MustCompile(`_(ns|us|s|sec|secs|seconds|millis|min|minutes)$`)
)

// TestJSONForm: durations are milliseconds in members that end in _ms, and nothing
// else ends so; names are snake_case.
func TestJSONForm(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] || typ == reflect.TypeFor[time.Time]() || typ.Implements(reflect.TypeFor[json.Marshaler]()) {
			return
		}
		seen[typ] = true
		for _, f := range reflect.VisibleFields(typ) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "-" || !f.IsExported() {
				continue
			}
			if f.Anonymous && name == "" {
				walk(f.Type)
				continue
			}
			if problem := formOf(name, f.Type); problem != "" {
				t.Errorf("%v.%s as %q: %s", typ, f.Name, name, problem)
			}
			walk(f.Type)
		}
	}
	for _, typ := range printedTypes() {
		walk(typ)
	}
	if len(seen) < 40 {
		t.Errorf("%d types were looked at: this test looks in the wrong place", len(seen))
	}
}

func formOf(name string, typ reflect.Type) string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	kind := typ.Kind()
	number := kind >= reflect.Int && kind <= reflect.Float64
	ms := strings.HasSuffix(name, "_ms")
	switch {
	case !snakeCase.MatchString(name):
		return "not snake_case"
	case typ == reflect.TypeFor[time.Duration]():
		return "a time.Duration is nanoseconds in JSON: use millis.Duration"
	case typ == reflect.TypeFor[millis.Duration]() && !ms:
		return "milliseconds, but the name does not end in _ms"
	case number && !ms && (ofTime.MatchString(name) || otherUnits.MatchString(name)):
		return "looks like a duration without _ms"
	case ms && !number:
		return "ends in _ms and is no number"
	}
	return ""
}
