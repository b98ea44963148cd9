package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// bareMirror is the minimum that a mirror in Go does: it serves from the primary,
// sends the same body to the relay at the same moment, and discards the relay's
// response. Nothing is compared.
type bareMirror struct {
	ctx            context.Context
	primary, relay *url.URL
	served, shadow *http.Transport
	slots          chan struct{}
	copying        sync.WaitGroup
	buffers        copyBuffers
}

// mirrorSlots is the maximum number of in-flight shadow requests, as in cutover.
const mirrorSlots = 256

func newBareMirror(ctx context.Context, primary, relay *url.URL) *bareMirror {
	return &bareMirror{
		ctx: ctx, primary: primary, relay: relay,
		served: newTransport(), shadow: newTransport(),
		slots: make(chan struct{}, mirrorSlots), buffers: newCopyBuffers(),
	}
}

// wait returns when no shadow request is in flight.
func (m *bareMirror) wait() { m.copying.Wait() }

func (m *bareMirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	select {
	case m.slots <- struct{}{}:
		m.copying.Go(func() {
			defer func() { <-m.slots }()
			m.mirror(outgoing(m.ctx, r, m.relay, body))
		})
	default: // too many are in flight
	}
	resp, err := m.served.RoundTrip(outgoing(r.Context(), r, m.primary, body))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		if !hopByHop(name) {
			w.Header()[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	if m.pass(w, resp) != nil {
		panic(http.ErrAbortHandler) // breaks the caller's connection, as net/http documents
	}
}

// outgoing is the request to one of the upstreams.
func outgoing(ctx context.Context, r *http.Request, to *url.URL, body []byte) *http.Request {
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.Host = to.Scheme, to.Host, ""
	out.RequestURI = ""
	out.Body = io.NopCloser(bytes.NewReader(body))
	for name := range out.Header {
		if hopByHop(name) {
			out.Header.Del(name)
		}
	}
	return out
}

func (m *bareMirror) mirror(out *http.Request) {
	out.Header.Del("Authorization")
	resp, err := m.shadow.RoundTrip(out)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	buf := m.buffers.Get()
	defer m.buffers.Put(buf)
	_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{resp.Body}, buf)
}

// pass copies the response, flushing each piece of a stream.
func (m *bareMirror) pass(w http.ResponseWriter, resp *http.Response) error {
	buf := m.buffers.Get()
	defer m.buffers.Put(buf)
	flush := http.NewResponseController(w).Flush
	for {
		n, err := resp.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if resp.ContentLength < 0 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// copyBuffers is an httputil.BufferPool, so that a proxy need not allocate 32 KiB for
// each response.
type copyBuffers struct{ pool *sync.Pool }

func newCopyBuffers() copyBuffers {
	return copyBuffers{&sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}}
}

// Get implements httputil.BufferPool.
func (b copyBuffers) Get() []byte { return *b.pool.Get().(*[]byte) }

// Put implements httputil.BufferPool.
func (b copyBuffers) Put(buf []byte) { b.pool.Put(&buf) }
