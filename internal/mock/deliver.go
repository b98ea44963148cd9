package mock

import (
	"bytes"
	"net"
	"net/http"
	"time"
)

// strikeBeforeHeader applies the faults that replace the whole response; true if the
// request is over.
func (c *call) strikeBeforeHeader() bool {
	switch c.fault.kind {
	case statusFault:
		c.struck = true
		c.fail(statusProblem(c.fault.status))
	case refuseFault:
		c.struck = true
		panic(http.ErrAbortHandler)
	case resetFault:
		c.struck = true
		c.reset()
	case hangFault:
		c.struck = true
		c.hang()
	default:
		return false
	}
	return true
}

// reset ends the connection with RST instead of FIN.
func (c *call) reset() {
	conn, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil { // HTTP/2: the stream alone is reset
		panic(http.ErrAbortHandler)
	}
	inner := conn
	for {
		wrapped, ok := inner.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		inner = wrapped.NetConn()
	}
	if tcp, ok := inner.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // if it fails, the connection is closed anyway
	}
	_ = inner.Close()
}

// send writes a whole response, with the faults of responses that are not streamed.
func (c *call) send(status int, contentType string, body []byte) {
	h := c.w.Header()
	h["Content-Type"] = []string{contentType}
	if status == http.StatusOK {
		var done bool
		if body, done = c.strikePlain(body); done {
			return
		}
	}
	if c.compresses(len(body)) {
		h["Content-Encoding"] = []string{"gzip"}
		body = gzipped(body)
	}
	h["Content-Length"] = []string{itoa(len(body))}
	c.writeHeader(status)
	c.write(body)
}

func (c *call) writeHeader(status int) {
	c.status = status
	c.w.WriteHeader(status)
}

// write sends body bytes; false if the caller is gone.
func (c *call) write(b []byte) bool {
	n, err := c.w.Write(b)
	c.sent += int64(n)
	if err != nil && c.r.Method != http.MethodHead {
		c.gone = true
	}
	return err == nil
}

// strikePlain applies the faults of a response that is not streamed; done means that
// the response is over.
func (c *call) strikePlain(body []byte) (changed []byte, done bool) {
	half := len(body) / 2
	if c.fault.after == 0 {
		half = 0
	}
	switch c.fault.kind {
	case emptyBody:
		body = nil
	case notJSON, garbageAfter:
		c.w.Header()["Content-Type"] = []string{"text/html; charset=utf-8"}
		body = []byte(htmlPage)
	case truncated, endAfter:
		body = body[:len(body)/2]
	case invalidUTF8:
		body = bytes.ReplaceAll(body, []byte(spoiled), []byte(spoiledByte))
	case errorEventAfter:
		body = encode(c.errorBody(streamProblem()))
	case wrongLength:
		c.promise(len(body)*2, body)
		done = true
	case cutAfter:
		c.promise(len(body), body[:half])
		done = true
	case hangAfter, resetAfter:
		c.struck = true
		c.promise(len(body), body[:half])
		c.flush()
		if c.fault.kind == resetAfter {
			c.reset()
		} else {
			c.hang()
		}
		return nil, true
	case drip:
		c.struck = true
		c.w.Header()["Content-Length"] = []string{itoa(len(body))}
		c.writeHeader(http.StatusOK)
		c.drip(body)
		return nil, true
	default:
		return body, false
	}
	c.struck = true
	if done {
		c.flush()
		panic(http.ErrAbortHandler)
	}
	return body, false
}

// promise announces more bytes than it writes.
func (c *call) promise(length int, body []byte) {
	c.w.Header()["Content-Length"] = []string{itoa(length)}
	c.writeHeader(http.StatusOK)
	c.write(body)
}

func (c *call) flush() {
	if f, ok := c.w.(http.Flusher); ok {
		f.Flush()
	}
}

// drip writes byte by byte; false when the caller is gone.
func (c *call) drip(b []byte) bool {
	every := orElse(c.DripEvery, 20*time.Millisecond)
	for i := range b {
		if !c.write(b[i : i+1]) {
			return false
		}
		c.flush()
		if !c.wait(every) {
			panic(http.ErrAbortHandler)
		}
	}
	return true
}

const htmlPage = "<!DOCTYPE html>\n<html><head><title>Just a moment...</title></head>\n<body><h1>Welcome to nginx!</h1></body></html>\n"

// streamProblem is the error in error events.
func streamProblem() *problem {
	return &problem{
		status:  http.StatusInternalServerError,
		message: "The server had an error while processing your request. Sorry about that!",
	}
}

// waitWhole waits as long as a response of that many tokens takes when it is not
// streamed.
func (c *call) waitWhole(tokens int) bool {
	if c.instant && !c.over.timed {
		return true
	}
	ttft, gap := c.delays()
	d := ttft.draw(&c.dice)
	if gap.kind == fixedDelay {
		d += time.Duration(gap.a * float64(max(tokens-1, 0)))
	} else {
		for range tokens - 1 {
			d += gap.draw(&c.dice)
		}
	}
	return c.wait(d - time.Since(c.at))
}

// delays are the delays of this call.
func (c *call) delays() (ttft, gap Delay) {
	ttft, gap = c.TTFT, c.gap
	if c.over.ttft != nil {
		ttft = *c.over.ttft
	}
	if c.over.gap != nil {
		gap = *c.over.gap
	}
	return ttft, gap
}
