package exchange

import "sync"

// buffer is memory borrowed from a pool, so that thousands of open streams
// hold none between their events.
type buffer struct{ b []byte }

// pooledLimit is the largest buffer that goes back to the pool: one huge event
// shall not occupy memory for good.
const pooledLimit = 256 << 10

// buffers is a cache without meaning: what it hands out is empty.
var buffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, 0, 1<<10)} }}

func newBuffer() *buffer { return buffers.Get().(*buffer) }

// free gives the buffer back and returns nil, to overwrite the reference with.
func (b *buffer) free() *buffer {
	if b != nil && cap(b.b) <= pooledLimit {
		b.b = b.b[:0]
		buffers.Put(b)
	}
	return nil
}
