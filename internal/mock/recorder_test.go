package mock_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cutover/internal/mock"
)

// recorded is what a handler wrote, without a socket.
type recorded struct {
	status int
	header http.Header
	body   string
}

// ask calls the mock directly.
func ask(t testing.TB, s *mock.Server, path, body string, header ...string) recorded {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return recorded{status: w.Code, header: w.Header(), body: w.Body.String()}
}
