package main

import "slices"

// captures is how much of what goes by is kept in memory.
func captures() []Mutant {
	return slices.Concat(
		in("exchange/recorder.go", "",
			mistake{"measured bodies are kept whole", "bodyLimit     = 1 << 20", "bodyLimit     = 1 << 30"},
			mistake{"compared bodies are hardly kept", "keptBodyLimit = 8 << 20", "keptBodyLimit = 8 << 10"},
		),
		in("exchange/backlog.go", "",
			mistake{"one piece too many", "if l.n == backlogPieces {", "if l.n > backlogPieces {"},
			mistake{"more waits than there is room for", "len(l.held.b)+len(p) > backlogBytes", "len(p) > backlogBytes"},
		),
		in("exchange/buffer.go", "",
			mistake{"huge buffers stay", "cap(b.b) <= pooledLimit", "cap(b.b) >= 0"},
		),
		in("exchange/bound.go", "",
			mistake{"any number of bound things", "len(c.Bound) < boundLimit", "len(c.Bound) < 1000*boundLimit"},
		),
		in("shadow/call.go", "",
			mistake{"responses beyond the bound go on", "if total > p.m.cfg.maxResponse {", "if total > 1000*p.m.cfg.maxResponse {"},
			mistake{"one side is not charged", "p.charge(held, 2*now) >", "p.charge(held, now) >"},
			mistake{"what is held is charged a hundredth", "p.charge(held, 2*now) > p.m.cfg.MaxBytes", "p.charge(held, now/50) > p.m.cfg.MaxBytes"},
		),
	)
}
