package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gorilla/mux"

	"cutover/internal/apitest"
	"cutover/internal/doctable"
)

// TestOpenAPIDocument writes openapi.json from the list of operations and the types on
// the wire, and checks that it is valid OpenAPI with fitting examples.
func TestOpenAPIDocument(t *testing.T) {
	text := buildDocument(t)
	apitest.Load(t, text)
	doctable.HoldFile(t, "internal/admin/openapi.json", text) // newSchemas went to the module's root
}

// TestOpenAPIHasEveryRoute: the document and the router have the same operations.
func TestOpenAPIHasEveryRoute(t *testing.T) {
	routes := map[string]bool{}
	err := newRouter(Options{Metrics: http.NotFoundHandler()}).Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		path, err := route.GetPathTemplate()
		methods, merr := route.GetMethods()
		for _, m := range methods {
			routes[m+" "+path] = true
		}
		return errors.Join(err, merr)
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range apitest.Load(t, openAPIDocument).Paths.Map() {
		for method := range item.Operations() {
			if !routes[method+" "+path] {
				t.Errorf("the document has %s %s, the router has not", method, path)
			}
			delete(routes, method+" "+path)
		}
	}
	for route := range routes {
		t.Errorf("the router has %s, the document has not", route)
	}
}

// TestOpenAPIDescribesEverything: no schema, member or parameter is without a
// description.
func TestOpenAPIDescribesEverything(t *testing.T) {
	doc := apitest.Load(t, openAPIDocument)
	for name, schema := range doc.Components.Schemas {
		if schema.Value.Description == "" {
			t.Errorf("schema %s has no description", name)
		}
		for member, property := range schema.Value.Properties {
			if property.Value.Description == "" {
				t.Errorf("%s.%s has no description", name, member)
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			for _, p := range op.Parameters {
				if p.Value.Description == "" || p.Value.Example == nil {
					t.Errorf("%s %s: parameter %s lacks a description or an example", method, path, p.Value.Name)
				}
			}
		}
	}
}

func refTo(schema string) map[string]any {
	return map[string]any{"$ref": "#/components/schemas/" + schema}
}

// buildDocument is the whole document.
func buildDocument(t *testing.T) []byte {
	t.Helper()
	models := newSchemas(t)
	paths := map[string]map[string]any{}
	for _, op := range operations() {
		if paths[op.path] == nil {
			paths[op.path] = map[string]any{}
		}
		paths[op.path][strings.ToLower(op.method)] = op.document(models)
	}
	text, err := json.MarshalIndent(map[string]any{
		"openapi": "3.1.0",
		"info": map[string]any{
			"title": "cutover admin API", "version": "1", "license": map[string]any{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Watches and steers one cutover sidecar: health, metrics, evidence and flags.\n\n" +
				"Durations are numbers of milliseconds in members that end in `_ms`, money is in US dollars (`_usd`), " +
				"sizes are in bytes (`_bytes`), times are RFC 3339 in UTC. " +
				"Members that do not apply are left out unless the schema says that they may be null.",
		},
		"servers":  []any{map[string]any{"url": "/"}},
		"security": []any{map[string]any{"token": []string{}}, map[string]any{}},
		"tags": []any{
			map[string]any{"name": "sidecar", "description": "Health and state of the sidecar."},
			map[string]any{"name": "evidence", "description": "What the comparisons of both providers found."},
			map[string]any{
				"name":        "flags",
				"description": "The flags in force, and changes to them: validated, compared before they are set, and audited.",
			},
		},
		"paths": paths,
		"components": map[string]any{
			"securitySchemes": map[string]any{"token": map[string]any{
				"type":        "http",
				"scheme":      "bearer",
				"description": "The value of admin.token. Without one, only this machine may call, and sends none.",
			}},
			"schemas": models.all,
		},
	}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(strings.ReplaceAll(string(text), "#/$defs/", "#/components/schemas/")), '\n')
}

// document is the operation's part of the document.
func (op *operation) document(models *schemas) map[string]any {
	probe := op.path == "/healthz" || op.path == "/readyz"
	responses := map[string]any{
		"403": failure("A cross-origin request, or one for another host's name.", errForeignOrigin.Error()).document(models),
	}
	if !probe {
		responses["401"] = failure("A token is required.", errToken.Error()).document(models)
	}
	for status, body := range op.responses {
		responses[strconv.Itoa(status)] = body.document(models)
	}
	out := map[string]any{"operationId": op.id, "tags": []string{op.tag}, "summary": op.summary, "responses": responses}
	if op.method == http.MethodHead { // no response has a body
		for _, r := range responses {
			delete(r.(map[string]any), "content")
		}
	}
	if op.details != "" {
		out["description"] = op.details
	}
	if probe {
		out["security"] = []any{}
	}
	if op.body != nil {
		body := op.body.document(models)
		body["required"] = true
		out["requestBody"] = body
	}
	var parameters []any
	for _, p := range op.parameters {
		parameters = append(parameters, p.document())
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	return out
}

func (p *parameter) document() map[string]any {
	schema, in := p.schema, p.in
	if schema == nil {
		schema = map[string]any{"type": "string"}
	}
	if in == "" {
		in = "query"
	}
	return map[string]any{
		"name":        p.name,
		"in":          in,
		"required":    p.required || in == "path",
		"description": p.description,
		"schema":      schema,
		"example":     p.example,
	}
}

func (c content) document(models *schemas) map[string]any {
	out := map[string]any{"description": c.description}
	if c.kind == "" {
		return out
	}
	media := map[string]any{}
	switch {
	case c.model != nil:
		media["schema"] = models.ref(c.model)
	case c.schema != nil:
		media["schema"] = c.schema
	}
	if c.example != nil {
		media["example"] = c.example
	}
	all := map[string]any{c.kind: media}
	for _, other := range c.others {
		switch {
		case strings.HasPrefix(other, "text/"):
			all[other] = map[string]any{} // for people
		default:
			all[other] = map[string]any{"schema": media["schema"]}
		}
	}
	out["content"] = all
	return out
}

// names of an operation are unique.
func TestOpenAPIOperationIDs(t *testing.T) {
	var ids []string
	for _, op := range operations() {
		if slices.Contains(ids, op.id) {
			t.Errorf("two operations are called %s", op.id)
		}
		ids = append(ids, op.id)
	}
}
