package admin

import (
	"bytes"
	_ "embed" // for the OpenAPI document
	"net/http"
)

// openAPIDocument describes every route. A test writes it: operations are listed in
// openapi_operations_test.go, schemas are derived from the types on the wire.
//
//go:embed openapi.json
var openAPIDocument []byte

// OpenAPIDocument is the OpenAPI 3.1 document of the API, as JSON. Callers get a copy.
func OpenAPIDocument() []byte { return bytes.Clone(openAPIDocument) }

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument) // a reader that has gone away needs no error
}
