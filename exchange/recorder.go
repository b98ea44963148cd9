package exchange

import (
	"net/http"
	"time"
)

// Recorder makes an Exchange out of one answer as its bytes go by. It is used
// by one goroutine at a time: Header once, Write for each piece as it came,
// then End. It keeps no reference to the slices that it is given.
type Recorder struct {
	x Exchange
}

// RecorderOptions bound what a Recorder keeps.
type RecorderOptions struct {
	// KeepText keeps the completion's text and tool arguments, and the
	// embedding; without it only lengths, usage and times are taken.
	KeepText bool
	// CaptureLimit is how many bytes of decoded body to keep in Exchange.Body; 0: none.
	CaptureLimit int
}

// NewRecorder starts the clock of a call to one upstream: started is the
// moment when its request was begun.
func NewRecorder(ep *Endpoint, arm Arm, upstream string, started time.Time, o RecorderOptions) *Recorder {
	return &Recorder{x: Exchange{Arm: arm, Upstream: upstream, Started: started}}
}

// Header records the status and header of the answer.
func (r *Recorder) Header(status int, h http.Header, at time.Time) {}

// Write records body bytes as they came from the wire (still content-encoded).
func (r *Recorder) Write(p []byte, at time.Time) {}

// Content reports whether any content token has been seen so far, and whether
// an error event has: what a fallback decides on before the commit point.
func (r *Recorder) Content() (content, errorEvent bool) { return false, false }

// End closes the answer. class and detail say how the transport ended:
// ClassNone for a clean end, after which the recorder judges the answer itself
// (status, error event, missing last word, malformed, empty). The Exchange is
// complete afterwards and the Recorder must not be used again.
func (r *Recorder) End(class Class, detail string, at time.Time) *Exchange { return &r.x }
