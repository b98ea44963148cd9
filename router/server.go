package router

import (
	"bytes"
	"crypto/tls"
	"log"
	"net/http"
	"time"

	"github.com/rs/zerolog"
)

// ServerLimits protect a server from callers that are slow or never stop.
type ServerLimits struct {
	MaxHeaderBytes    int           // of a request's header, in bytes; default 1 MiB
	ReadHeaderTimeout time.Duration // for a request's header; default 10 s
	IdleTimeout       time.Duration // between two requests of a connection; default 180 s
	WriteStallTimeout time.Duration // how long a caller may not read; default 60 s
}

// NewServer builds a server for HTTP/1.1 and HTTP/2, with TLS when cert is not
// nil and in cleartext (h2c by prior knowledge) otherwise.
func NewServer(h http.Handler, l ServerLimits, cert *tls.Config, log zerolog.Logger) *http.Server {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	if l.MaxHeaderBytes <= 0 {
		l.MaxHeaderBytes = 1 << 20
	}
	def(&l.ReadHeaderTimeout, 10*time.Second)
	// Longer than upstreams' and load balancers' usual 60 s to 120 s, so that
	// the side that closes an idle connection is the caller.
	def(&l.IdleTimeout, 180*time.Second)
	def(&l.WriteStallTimeout, time.Minute)
	s := &http.Server{
		Handler:           h,
		MaxHeaderBytes:    l.MaxHeaderBytes,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		IdleTimeout:       l.IdleTimeout,
		// The first deadline; a call extends it before each write, so that a
		// stream may last as long as it is read.
		WriteTimeout: l.WriteStallTimeout,
		TLSConfig:    cert,
		Protocols:    new(http.Protocols),
		HTTP2:        &http.HTTP2Config{MaxConcurrentStreams: 1000, WriteByteTimeout: l.WriteStallTimeout},
		ErrorLog:     newErrorLog(log),
		// "OPTIONS *" is for the provider to respond to.
		DisableGeneralOptionsHandler: true,
	}
	s.Protocols.SetHTTP1(true)
	if cert != nil {
		s.Protocols.SetHTTP2(true)
	} else {
		s.Protocols.SetUnencryptedHTTP2(true)
	}
	return s
}

// newErrorLog turns each of net/http's own log messages into one line. What
// follows a first line is stacks and dumps, which stay at debug level.
func newErrorLog(l zerolog.Logger) *log.Logger { return log.New(&lineWriter{l}, "", 0) }

type lineWriter struct{ l zerolog.Logger }

func (w *lineWriter) Write(p []byte) (int, error) {
	first, rest, _ := bytes.Cut(bytes.TrimSpace(p), []byte("\n"))
	w.l.Warn().Str("from", "net/http").Msg(string(first))
	if len(rest) > 0 {
		w.l.Debug().Str("from", "net/http").Bytes("more", rest).Msg("the rest of it")
	}
	return len(p), nil
}
