package store

// WithQueue sets how many pairs may wait for the sampler.
func (o SamplerOptions) WithQueue(n int) SamplerOptions { o.queue = n; return o }
