package router

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/oklog/ulid/v2"
)

// newID makes a request id that sorts by time. It needs no lock: math/rand/v2
// keeps a generator for each thread.
func newID() string {
	var id ulid.ULID
	_ = id.SetTime(ulid.Timestamp(time.Now())) // fails after the year 10889
	binary.BigEndian.PutUint64(id[6:14], rand.Uint64())
	binary.BigEndian.PutUint16(id[14:16], uint16(rand.Uint32()))
	return id.String()
}
