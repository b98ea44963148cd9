package exchange

import "time"

// backlog holds pieces of a stream that are read later, several in a row. A
// piece that is read on arrival finds the processor's caches filled by whatever
// ran since the last one, and takes about ten times as long.
type backlog struct {
	held *buffer // nil when there are none
	n    int
	ends [backlogPieces]int           // of each piece, in held
	came [backlogPieces]time.Duration // since the start
}

// How much may wait: with thousands of open streams, a few MiB in all.
const (
	backlogPieces = 16
	backlogBytes  = 4 << 10
)

// add stores a copy of a piece. It reports false if the piece does not fit.
func (l *backlog) add(p []byte, since time.Duration) bool {
	if l.n == backlogPieces {
		return false
	}
	if l.held == nil {
		if len(p) > backlogBytes {
			return false
		}
		l.held = newBuffer()
	}
	if len(l.held.b)+len(p) > backlogBytes {
		return false
	}
	l.held.b = append(l.held.b, p...)
	l.ends[l.n], l.came[l.n] = len(l.held.b), since
	l.n++
	return true
}

// drain hands the pieces out in order and is empty afterwards.
func (l *backlog) drain(feed func(p []byte, since time.Duration)) {
	if l.held == nil {
		return
	}
	from := 0
	for i, end := range l.ends[:l.n] {
		feed(l.held.b[from:end], l.came[i])
		from = end
	}
	l.held, l.n = l.held.free(), 0
}
