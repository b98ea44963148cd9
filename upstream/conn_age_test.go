package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestConnectionsHaveAnAge: a call under way goes on over a connection that has
// become too old, the next one gets another, and the old one is closed.
func TestConnectionsHaveAnAge(t *testing.T) {
	t.Parallel()
	for _, protocol := range []Protocol{HTTP1, H2C} {
		for _, maxAge := range []time.Duration{0, 100 * time.Millisecond} {
			t.Run(string(protocol)+" "+maxAge.String(), func(t *testing.T) {
				t.Parallel()
				release := make(chan struct{})
				srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-From", r.RemoteAddr)
					_, _ = io.WriteString(w, "begin ")
					w.(http.Flusher).Flush()
					if r.URL.Path == "/v1/slow" {
						<-release
					}
					_, _ = io.WriteString(w, "end")
				}))
				srv.Config.Protocols = new(http.Protocols)
				srv.Config.Protocols.SetHTTP1(true)
				srv.Config.Protocols.SetUnencryptedHTTP2(true)
				srv.Start()
				defer srv.Close()
				u, err := New(Config{Name: "relay", BaseURL: srv.URL + "/v1", Protocol: protocol, MaxAge: maxAge})
				if err != nil {
					t.Fatal(err)
				}
				defer u.Close()
				call := func(path string) *http.Response {
					req, _ := http.NewRequest(http.MethodGet, srv.URL+path, nil)
					resp, err := u.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					return resp
				}
				read := func(resp *http.Response) string {
					defer resp.Body.Close()
					if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "begin end" {
						t.Errorf("%q, %v", got, err)
					}
					return resp.Header.Get("X-From")
				}
				slow := call("/v1/slow")
				first := read(call("/v1/x"))
				<-time.After(2 * max(maxAge, time.Millisecond))
				second := read(call("/v1/x"))
				close(release)
				read(slow)
				if (first == second) != (maxAge == 0) {
					t.Errorf("connections %s and %s at a most age of %s", first, second, maxAge)
				}
			})
		}
	}
}
