package exchange

import (
	"bytes"
	"io"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// flushWriter is what every compressor here is.
type flushWriter interface {
	io.WriteCloser
	Flush() error
}

func newEncoder(t testing.TB, coding string, w io.Writer) flushWriter {
	t.Helper()
	switch coding {
	case "gzip":
		return gzip.NewWriter(w)
	case "deflate":
		return zlib.NewWriter(w)
	case "bare deflate":
		z, err := flate.NewWriter(w, 6)
		if err != nil {
			t.Fatal(err)
		}
		return z
	case "br":
		return brotli.NewWriterLevel(w, 1)
	case "zstd":
		z, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<15), zstd.WithEncoderLevel(zstd.SpeedFastest))
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	t.Fatalf("no encoder for %q", coding)
	return nil
}

// encode compresses the pieces, flushing after each.
func encode(t testing.TB, coding string, pieces ...[]byte) []byte {
	t.Helper()
	return bytes.Join(encodePieces(t, coding, pieces...), nil)
}

// encodePieces returns what each piece, and at last the end, comes out as.
func encodePieces(t testing.TB, coding string, pieces ...[]byte) (out [][]byte) {
	t.Helper()
	var buf bytes.Buffer
	w := newEncoder(t, coding, &buf)
	take := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, bytes.Clone(buf.Bytes()))
		buf.Reset()
	}
	for _, p := range pieces {
		if _, err := w.Write(p); err != nil {
			t.Fatal(err)
		}
		take(w.Flush())
	}
	take(w.Close())
	return out
}
