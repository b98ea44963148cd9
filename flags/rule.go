package flags

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/open-feature/go-sdk/openfeature"
)

// Targeting is JsonLogic (https://jsonlogic.com) with flagd's additions. It is
// compiled once, into closures: a snapshot is read by every request, so
// evaluation keeps no state between requests, shares none, decodes no JSON, and
// is bounded in steps. An interpreter with a registry of operators for the whole
// process, or one that evaluates the branches not taken, does not do here; and
// an unknown operator must be an error when the flag is set, not when a
// request comes.

const (
	maxRuleDepth = 64
	// maxRuleSteps bounds what one evaluation may cost: far beyond any rule about
	// a request, well below a millisecond.
	maxRuleSteps = 5_000
	// maxRuleNodes bounds a rule after its shared rules have been put in place,
	// maxRuleResult a string's bytes or a list's elements on the way.
	maxRuleNodes  = 20_000
	maxRuleResult = 64 << 10
)

// rule is compiled targeting, or a part of it. Its values are those of JSON:
// nil, bool, float64, string, []any, map[string]any.
type rule func(*evaluation) any

// evaluation is what a rule reads while it runs. It can be used again for the
// next flag of the same request.
type evaluation struct {
	flag       string
	attributes *Attributes    // the request's, or
	data       map[string]any // those of another OpenFeature client
	item       any            // the element, inside of map, filter, reduce, all, none, some
	inner      bool
	steps      int
	err        error
	stack      []any // arguments of the operations that are under way
	room       [8]any
}

var (
	errNoTargetingKey = errors.New("fractional needs a targeting key, and the context has none")
	errTooLarge       = fmt.Errorf("the rule makes a value of more than %d bytes or elements", maxRuleResult)
	errTooManySteps   = fmt.Errorf("the rule needs more than %d steps", maxRuleSteps)
)

// spend counts a step; false means that the evaluation must end.
func (e *evaluation) spend() bool {
	e.steps++
	if e.steps > maxRuleSteps {
		e.fail(errTooManySteps)
	}
	return e.err == nil
}

func (e *evaluation) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

// variant runs the rule and returns the variant that it names; "" for none.
func (r rule) variant(key string, e *evaluation) (string, error) {
	e.flag, e.steps, e.err, e.inner, e.item, e.stack = key, 0, nil, false, nil, e.room[:0]
	out := r(e)
	if e.err != nil {
		return "", e.err
	}
	switch out := out.(type) {
	case nil:
		return "", nil
	case string:
		return out, nil
	case bool, float64:
		return text(out), nil
	}
	return "", errors.New("the rule returns a list or an object, not the name of a variant")
}

// evaluators are flagd's shared rules, by name.
type evaluators map[string]json.RawMessage

// parseEvaluators reads the object of shared rules, and compiles each to see
// whether it is one.
func parseEvaluators(raw string) (evaluators, error) {
	if raw == "" {
		return nil, nil
	}
	var e evaluators
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		return nil, fmt.Errorf("the shared rules are not valid: %w", jsonError(err))
	}
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if _, _, err := compileRule("", e[name], e); err != nil {
			return nil, fmt.Errorf("shared rule %q: %w", brief(name), err)
		}
	}
	return e, nil
}

// compileRule compiles targeting; usesShared tells whether a $ref is in it.
func compileRule(_ string, raw json.RawMessage, shared evaluators) (r rule, usesShared bool, err error) {
	c := compiler{shared: shared}
	r, err = c.raw(raw)
	return r, c.usesShared, err
}

type compiler struct {
	shared     evaluators
	usesShared bool
	open       []string // names of shared rules being compiled, against cycles
	depth      int
	size       int // nodes so far
}

func (c *compiler) raw(raw json.RawMessage) (rule, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, jsonError(err)
	}
	return c.node(v)
}

// node compiles a value: an object with one key is an operation.
func (c *compiler) node(v any) (rule, error) {
	c.depth++
	c.size++
	defer func() { c.depth-- }()
	if c.depth > maxRuleDepth {
		return nil, fmt.Errorf("nested more than %d deep", maxRuleDepth)
	}
	if c.size > maxRuleNodes {
		return nil, fmt.Errorf("the rule has more than %d parts", maxRuleNodes)
	}
	switch v := v.(type) {
	case []any:
		return c.list(v)
	case map[string]any:
		if len(v) != 1 {
			return nil, fmt.Errorf("an operation is an object with one key, not %d", len(v))
		}
		for name, args := range v {
			return c.operation(name, args)
		}
	}
	return func(*evaluation) any { return v }, nil
}

// list compiles a literal list; one of plain values is built only once.
func (c *compiler) list(items []any) (rule, error) {
	parts, err := c.nodes(items)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(items, isComposite) {
		return func(*evaluation) any { return items }, nil
	}
	return func(e *evaluation) any {
		out := make([]any, len(parts))
		for i, p := range parts {
			out[i] = p(e)
		}
		return out
	}, nil
}

func isComposite(v any) bool {
	switch v.(type) {
	case []any, map[string]any:
		return true
	}
	return false
}

func (c *compiler) nodes(items []any) ([]rule, error) {
	out := make([]rule, len(items))
	for i, item := range items {
		r, err := c.node(item)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, nil
}

// operation compiles one operator with its arguments. A single argument may
// stand without its list.
func (c *compiler) operation(name string, args any) (rule, error) {
	list, ok := args.([]any)
	if !ok {
		list = []any{args}
	}
	switch name {
	case "$ref":
		return c.reference(list)
	case "var":
		return c.variable(list)
	case "fractional":
		return c.fractional(list)
	}
	parts, err := c.nodes(list)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", brief(name), err)
	}
	if r := lazyOperation(name, parts); r != nil {
		return r, nil
	}
	f := eagerOperation(name)
	if f == nil {
		return nil, fmt.Errorf("unknown operator %q", brief(name))
	}
	return func(e *evaluation) any {
		if !e.spend() {
			return nil
		}
		base := len(e.stack)
		for _, p := range parts {
			v := p(e) // pushes and pops on its own
			e.stack = append(e.stack, v)
		}
		// No operator keeps the slice of its arguments.
		v := e.bounded(f(e, e.stack[base:]))
		e.stack = e.stack[:base]
		return v
	}, nil
}

// bounded ends an evaluation whose values grow without limit.
func (e *evaluation) bounded(v any) any {
	size := 0
	switch v := v.(type) {
	case string:
		size = len(v)
	case []any:
		size = len(v)
	}
	if size > maxRuleResult {
		e.fail(errTooLarge)
		return nil
	}
	return v
}

// reference puts a shared rule in the place of {"$ref": name}.
func (c *compiler) reference(args []any) (rule, error) {
	if len(args) != 1 {
		return nil, errors.New("$ref: needs the name of a shared rule")
	}
	name, _ := args[0].(string)
	raw, ok := c.shared[name]
	if !ok {
		return nil, fmt.Errorf("$ref: there is no shared rule %q under %s", brief(name), evaluatorsKey)
	}
	if slices.Contains(c.open, name) {
		return nil, fmt.Errorf("$ref: shared rule %q refers to itself", brief(name))
	}
	c.usesShared = true
	c.open = append(c.open, name)
	r, err := c.raw(raw)
	c.open = c.open[:len(c.open)-1]
	return r, err
}

// variable compiles {"var": [path, default]}. The path is usually constant and
// then split here, once.
func (c *compiler) variable(args []any) (rule, error) {
	if len(args) == 0 || len(args) > 2 {
		return nil, errors.New("var: needs a path, and perhaps a default")
	}
	parts, err := c.nodes(args)
	if err != nil {
		return nil, fmt.Errorf("var: %w", err)
	}
	var path []string
	constant := !isComposite(args[0])
	if constant {
		path = pathOf(args[0])
	}
	return func(e *evaluation) any {
		if !e.spend() {
			return nil
		}
		p := path
		if !constant {
			p = pathOf(parts[0](e))
		}
		if v, ok := e.lookup(p); ok && v != nil {
			return v
		}
		if len(parts) == 2 {
			return parts[1](e)
		}
		return nil
	}, nil
}

func pathOf(v any) []string {
	p := text(v)
	if p == "" {
		return nil
	}
	return strings.Split(p, ".")
}

// lookup follows a path into the item or the attributes. flagd's own values are
// under $flagd.
func (e *evaluation) lookup(path []string) (any, bool) {
	if len(path) == 2 && path[0] == "$flagd" {
		switch path[1] {
		case "flagKey":
			return e.flag, true
		case "timestamp":
			return float64(time.Now().Unix()), true
		}
	}
	if e.attributes != nil && !e.inner && len(path) == 1 {
		return e.attributes.field(path[0]), true
	}
	v := e.root()
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case openfeature.FlattenedContext:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return plainValue(v), true
}

// root is what the empty path leads to.
func (e *evaluation) root() any {
	switch {
	case e.inner:
		return e.item
	case e.attributes != nil:
		all := e.attributes.fields()
		all[openfeature.TargetingKey] = e.attributes.TargetingKey
		return all
	}
	return e.data
}

// targetingKey returns the request's key, if it has one.
func (e *evaluation) targetingKey() (string, bool) {
	if e.attributes != nil {
		return e.attributes.TargetingKey, true
	}
	key, ok := e.data[openfeature.TargetingKey].(string)
	return key, ok
}

// plainValue brings an attribute of a Go program into JSON's types.
func plainValue(v any) any {
	switch v := v.(type) {
	case nil, bool, float64, string, []any, map[string]any:
		return v
	case int:
		return float64(v)
	case int32:
		return float64(v)
	case int64:
		return float64(v)
	case float32:
		return float64(v)
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case openfeature.FlattenedContext:
		return map[string]any(v)
	}
	return nil
}
