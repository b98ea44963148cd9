package limit

// localLimits are the limits that one sidecar enforces by itself.
type localLimits struct {
	rpm, tpm    *gcra // nil: no limit
	concurrency int
}

func newLocalLimits(l Limits) *localLimits {
	b := &localLimits{concurrency: unlimited}
	if l.RPM > 0 {
		b.rpm = newGCRA(l.RPM, minute, l.Burst)
	}
	if l.TPM > 0 {
		b.tpm = newGCRA(l.TPM, minute, l.Burst)
	}
	if l.Concurrency > 0 {
		b.concurrency = l.Concurrency
	}
	return b
}

func (b *localLimits) drain(now int64) {
	for _, g := range []*gcra{b.rpm, b.tpm} {
		if g != nil {
			g.drain(now)
		}
	}
}

// acquire charges one request and its tokens, or nothing.
func (b *localLimits) acquire(now, tokens int64) refusal {
	if b.rpm != nil {
		if wait := b.rpm.acquire(now, 1); wait > 0 {
			return refusal{Requests, wait}
		}
	}
	if b.tpm != nil {
		if wait := b.tpm.acquire(now, tokens); wait > 0 {
			if b.rpm != nil {
				b.rpm.credit(1)
			}
			return refusal{Tokens, wait}
		}
	}
	return refusal{}
}
