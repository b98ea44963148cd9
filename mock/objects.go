package mock

// objects are what callers have created: files, uploads, batches, responses.
type objects struct{}

const adminPrefix = "/_mock/"
