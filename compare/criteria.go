package compare

// Criteria are the numbers by which a report decides. A field that is zero or
// negative takes its default.
type Criteria struct {
	// Alpha is the error probability of each interval and each answer, in
	// (0,1). Default .05.
	Alpha float64
	// ErrorMargin is by how much more often the relay may fail, as a difference
	// of shares: .01 is one percentage point. Default .01.
	ErrorMargin float64
	// FaultMargin is by how much more often the relay's responses may have
	// faults, as a difference of shares. Default .01.
	FaultMargin float64
	// LatencyMargin is by how much slower the relay may be, as a share of the
	// primary's time: .1 is a tenth. Default .1.
	LatencyMargin float64
	// NoiseMargin is by how much the relay's distance from the primary may
	// exceed the primary's own run-to-run variation, in word distance, which is
	// in [0,1]. Default .02.
	NoiseMargin float64
	// TokenMargin is by how much more tokens the relay may count for the same
	// request or text, as a share of the primary's count. Default .05.
	TokenMargin float64
}

// DefaultCriteria are the criteria of a report that sets none.
func DefaultCriteria() Criteria {
	return Criteria{
		Alpha:         .05,
		ErrorMargin:   .01,
		FaultMargin:   .01,
		LatencyMargin: .1,
		NoiseMargin:   .02,
		TokenMargin:   .05,
	}
}

func (c Criteria) withDefaults() Criteria {
	d := DefaultCriteria()
	for _, field := range []struct{ value, standard *float64 }{
		{&c.Alpha, &d.Alpha}, {&c.ErrorMargin, &d.ErrorMargin}, {&c.FaultMargin, &d.FaultMargin},
		{&c.LatencyMargin, &d.LatencyMargin}, {&c.NoiseMargin, &d.NoiseMargin}, {&c.TokenMargin, &d.TokenMargin},
	} {
		if *field.value <= 0 {
			*field.value = *field.standard
		}
	}
	return c
}
