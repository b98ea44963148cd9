package exchange

// Held is how many bytes of memory the response takes up at the moment, as
// allocated: what has been kept of its body, text and arguments.
func (r *Recorder) Held() int64 {
	n := cap(r.x.Body) + cap(r.resp.text) + cap(r.resp.refusal) + r.resp.sideBytes
	if r.body != nil {
		n += cap(r.body.b)
	}
	if r.encoded != nil {
		n += cap(r.encoded.raw) + cap(r.encoded.pieces)*pieceBytes
	}
	if r.sse.carry != nil {
		n += cap(r.sse.carry.b)
	}
	return int64(n)
}

// pieceBytes is the size of a piece.
const pieceBytes = 16

// Held is how many bytes of memory the exchange keeps of the response.
func (e *Exchange) Held() int64 {
	c := &e.Completion
	n := cap(e.Body) + len(c.Text) + len(c.Refusal) + 8*len(c.Embedding)
	for i := range c.ToolCalls {
		n += len(c.ToolCalls[i].Name) + len(c.ToolCalls[i].Arguments)
	}
	return int64(n)
}
