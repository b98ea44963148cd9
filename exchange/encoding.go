package exchange

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// Bounds of the decoding on the side. A compressed response reaches the caller
// as it came; what is decoded here is for the record only.
const (
	decodedLimit = 16 << 20 // bytes that one response may decode to
	pieceLimit   = 1 << 14  // arrivals told apart
	codingLimit  = 3        // encodings on top of one another
	windowLimit  = 8 << 20  // of zstd, as RFC 9659 rules for the web
)

// encodedBody keeps a compressed response as it came, with the time of each
// piece, so that it can be replayed as if it had come decoded: what a piece
// completes has the time of that piece. Nothing is decoded before it is needed;
// between two events an open stream holds only the few bytes that came.
type encodedBody struct {
	names  []string // encodings, the outermost last
	raw    []byte
	pieces []piece
	limit  int  // of raw
	cut    bool // more came than raw holds
}

// piece is one arrival: raw up to end was there at the time since the start.
type piece struct {
	end   int
	since time.Duration
}

// newEncodedBody returns nil for a response that is not encoded.
func newEncodedBody(contentEncoding string, limit int) *encodedBody {
	c := &encodedBody{limit: limit}
	for name := range strings.SplitSeq(contentEncoding, ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "", "identity":
		default:
			c.names = append(c.names, name)
		}
	}
	if len(c.names) == 0 {
		return nil
	}
	return c
}

func (c *encodedBody) add(p []byte, since time.Duration) {
	if capacity := c.limit - len(c.raw); len(p) > capacity {
		p, c.cut = p[:capacity], true
	}
	if len(p) == 0 {
		return
	}
	c.raw = append(c.raw, p...)
	if n := len(c.pieces); n == pieceLimit {
		c.pieces[n-1] = piece{len(c.raw), since}
		return
	}
	c.pieces = append(c.pieces, piece{len(c.raw), since})
}

var (
	errUnknownCoding = errors.New("unknown content encoding")
	errTooLarge      = errors.New("decoded response is too large")
)

// replay decodes what came so far and hands it to feed, in the pieces in which
// it could be decoded and with their times. The error is nil when the encoding
// ended where the bytes did.
func (c *encodedBody) replay(feed func(p []byte, since time.Duration)) error {
	if len(c.raw) == 0 {
		return nil
	}
	source := &pieceReader{c: c}
	defer func() { source.c = nil }() // decoders in the pool still point here
	var r io.Reader = source
	if len(c.names) > codingLimit {
		return errUnknownCoding
	}
	for i := len(c.names) - 1; i >= 0; i-- {
		d, err := openDecoder(c.names[i], r)
		if err != nil {
			return err
		}
		defer d.close()
		r = d
	}
	buf := newBuffer()
	defer buf.free()
	p := buf.b[:cap(buf.b)]
	for total := 0; ; {
		n, err := r.Read(p)
		if n > 0 {
			total += n
			feed(p[:n], source.since)
		}
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
			return errTooLarge
		case err != nil:
			return err
		case total > decodedLimit:
			return errTooLarge
		}
	}
}

// pieceReader reads what came, one piece at a time, and knows the time of the
// last piece that was asked for.
type pieceReader struct {
	c     *encodedBody
	at    int // bytes read
	next  int // piece at hand
	since time.Duration
}

func (r *pieceReader) Read(p []byte) (int, error) {
	if r.next == len(r.c.pieces) {
		return 0, io.EOF
	}
	now := r.c.pieces[r.next]
	n := copy(p, r.c.raw[r.at:now.end])
	r.at += n
	r.since = now.since
	if r.at == now.end {
		r.next++
	}
	return n, nil
}

// decoder is a borrowed decoder.
type decoder struct {
	io.Reader
	pool *sync.Pool
	item any
}

func (d decoder) close() { d.pool.Put(d.item) }

// Decoders are large and are borrowed: they carry nothing from one use to the
// next.
var (
	gzipDecoders    = sync.Pool{New: func() any { return new(gzip.Reader) }}
	deflateDecoders = sync.Pool{New: func() any { return new(deflateReader) }}
	brotliDecoders  = sync.Pool{New: func() any { return brotli.NewReader(nil) }}
	zstdDecoders    = sync.Pool{New: newZstd}
)

// newZstd makes a decoder that works in the reader's own goroutine. Its options
// are constant, so it can't fail.
func newZstd() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(windowLimit), zstd.WithDecoderMaxMemory(decodedLimit))
	if err != nil {
		return nil
	}
	return d
}

func openDecoder(name string, r io.Reader) (decoder, error) {
	switch name {
	case "gzip", "x-gzip":
		z := gzipDecoders.Get().(*gzip.Reader)
		d := decoder{z, &gzipDecoders, z}
		return d, closeOn(d, z.Reset(r))
	case "deflate":
		z := deflateDecoders.Get().(*deflateReader)
		d := decoder{z, &deflateDecoders, z}
		return d, closeOn(d, z.reset(r))
	case "br":
		z := brotliDecoders.Get().(*brotli.Reader)
		d := decoder{z, &brotliDecoders, z}
		return d, closeOn(d, z.Reset(r))
	case "zstd":
		z, ok := zstdDecoders.Get().(*zstd.Decoder)
		if !ok {
			return decoder{}, errUnknownCoding
		}
		d := decoder{z, &zstdDecoders, z}
		return d, closeOn(d, z.Reset(r))
	}
	return decoder{}, errUnknownCoding
}

// closeOn gives a decoder back that could not be opened.
func closeOn(d decoder, err error) error {
	if err != nil {
		d.close()
	}
	return err
}

// deflateReader reads both things that are sent as "deflate": the zlib format,
// as RFC 9110 has it, and bare deflate, as some servers have it.
type deflateReader struct {
	in   bufio.Reader
	zlib io.ReadCloser
	bare io.ReadCloser
	now  io.Reader
}

func (d *deflateReader) Read(p []byte) (int, error) { return d.now.Read(p) }

func (d *deflateReader) reset(r io.Reader) error {
	d.in.Reset(r)
	head, err := d.in.Peek(2)
	if len(head) < 2 {
		return err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		if d.zlib == nil {
			d.zlib, err = zlib.NewReader(&d.in)
		} else {
			err = d.zlib.(zlib.Resetter).Reset(&d.in, nil)
		}
		d.now = d.zlib
		return err
	}
	if d.bare == nil {
		d.bare = flate.NewReader(&d.in)
	} else {
		err = d.bare.(flate.Resetter).Reset(&d.in, nil)
	}
	d.now = d.bare
	return err
}
