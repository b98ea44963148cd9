package mock

import "sync"

// objects are what callers have created, all in memory and bounded.
type objects struct {
	files     *shelf[*file]
	uploads   *shelf[*upload]
	batches   *shelf[*batch]
	messages  *shelf[*messageBatch]
	responses *shelf[*stored] // and stored chat completions
	resources *shelf[*resource]

	mu   sync.Mutex
	kept int64 // bytes of content held by files and upload parts
}

// Bounds of what is kept.
const (
	maxFiles     = 10_000
	maxBatches   = 2_000
	maxStored    = 10_000
	maxResources = 10_000
)

func newObjects() *objects {
	return &objects{
		files: newShelf[*file](maxFiles), uploads: newShelf[*upload](maxBatches), batches: newShelf[*batch](maxBatches),
		messages: newShelf[*messageBatch](maxBatches), responses: newShelf[*stored](maxStored),
		resources: newShelf[*resource](maxResources),
	}
}

// hold reserves n bytes for content; false if there is not enough.
func (o *objects) hold(n, limit int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept+n > limit {
		return false
	}
	o.kept += n
	return true
}

func (o *objects) release(n int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept -= n
}
