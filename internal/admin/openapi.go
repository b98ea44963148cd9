package admin

import (
	_ "embed" // for the OpenAPI document
	"net/http"
)

//go:embed openapi.json
var openAPIDocument []byte

// serveOpenAPI serves the document that describes the API.
func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPIDocument) // a reader that has gone away needs no error
}
