package mock

import (
	"io"
	"net/http"
)

const adminPrefix = "/_mock/"

// admin adds the mock's own endpoints, which exist only with Config.Admin.
func (t routes) admin() {
	for method, handle := range map[string]func(*call){"GET": showConfig, "PUT": putConfig} {
		t.add(method, "_mock/config", route{admin: true, body: streamBody, handle: handle})
	}
	t.add("GET", "_mock/calls", route{admin: true, body: streamBody, handle: func(c *call) { c.own(http.StatusOK, c.s.Stats()) }})
	t.add("GET", "_mock/journal", route{admin: true, body: streamBody, handle: func(c *call) { c.own(http.StatusOK, c.s.Journal()) }})
	t.add("DELETE", "_mock/journal", route{admin: true, body: streamBody, handle: func(c *call) {
		c.s.ResetJournal()
		c.own(http.StatusOK, c.s.Stats())
	}})
}

// own responds as the mock itself: without a provider's headers and faults.
func (c *call) own(status int, v any) {
	c.w.Header().Set("Content-Type", "application/json")
	c.writeHeader(status)
	c.write(append(encode(v), '\n'))
}

func showConfig(c *call) {
	c.own(http.StatusOK, c.s.Config().Redacted())
}

// putConfig replaces the whole configuration, in YAML or JSON.
func putConfig(c *call) {
	b, err := io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxConfig))
	if err == nil {
		var cfg Config
		if cfg, err = Parse(b); err == nil {
			err = c.s.SetConfig(cfg)
		}
	}
	if err != nil {
		c.own(http.StatusBadRequest, obj{"error": err.Error()})
		return
	}
	showConfig(c)
}
