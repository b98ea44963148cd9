package mock

import (
	"bytes"
	"compress/gzip"
	"strings"
)

// minGzip is the smallest body that is worth compressing.
const minGzip = 256

// compresses reports whether a response of n bytes is compressed.
func (c *call) compresses(n int) bool {
	switch orElse(c.over.gzip, c.Gzip) {
	case "always":
		return true
	case "accept":
		return n >= minGzip && strings.Contains(strings.ToLower(c.r.Header.Get("Accept-Encoding")), "gzip")
	}
	return false
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b) // writing to a buffer can't fail
	_ = z.Close()
	return out.Bytes()
}

// gzipStream compresses a stream, flushing after each event.
type gzipStream struct {
	c *call
	z *gzip.Writer
}

func newGzipStream(c *call) *gzipStream { return &gzipStream{c: c, z: gzip.NewWriter(c.w)} }

func (g *gzipStream) write(b []byte) bool {
	if _, err := g.z.Write(b); err != nil {
		g.c.gone = true
		return false
	}
	if err := g.z.Flush(); err != nil {
		g.c.gone = true
		return false
	}
	g.c.sent += int64(len(b)) // before compression
	g.c.flush()
	return true
}

func (g *gzipStream) close() {
	_ = g.z.Close() // the caller may be gone
	g.c.flush()
}
