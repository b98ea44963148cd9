package router

import (
	"context"
	"sync"
)

// background is the work of a call that may outlive its response, such as the
// attempt that lost a race. It ends before the handler returns.
type background struct {
	work    sync.WaitGroup
	cancels []context.CancelFunc
}

// run starts work in a goroutine of its own.
func (b *background) run(work func()) { b.work.Go(work) }

// cancelAtEnd has cancel called when all work has ended.
func (b *background) cancelAtEnd(cancel context.CancelFunc) { b.cancels = append(b.cancels, cancel) }

// wait waits for all work.
func (b *background) wait() {
	b.work.Wait()
	for _, cancel := range b.cancels {
		cancel()
	}
}
