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
		in("shadow/ticket.go", "",
			mistake{"answers beyond the bound go on", "if total > t.m.cfg.MaxAnswer {", "if total > 1000*t.m.cfg.MaxAnswer {"},
			mistake{"one side's capture is not counted", "t.m.held.Add(2*int64(n)) >", "t.m.held.Add(int64(n)) >"},
			mistake{"bytes beyond the capture are held", "if total > t.m.cfg.Capture {", "if total > 1000*t.m.cfg.Capture {"},
		),
	)
}
