package compare

// Criteria are the numbers by which a report decides. They are keys of the
// configuration, so that whoever signs a cutover can set them. A field that is
// zero or negative takes its default.
type Criteria struct {
	Alpha         float64 `yaml:"alpha"`
	ErrorMargin   float64 `yaml:"error_margin"`
	FaultMargin   float64 `yaml:"fault_margin"`
	LatencyMargin float64 `yaml:"latency_margin"`
	NoiseMargin   float64 `yaml:"noise_margin"`
	TokenMargin   float64 `yaml:"token_margin"`
}

// Criterion describes one of the Criteria: the one place for its default.
type Criterion struct {
	Key     string // below "criteria" in the configuration
	Default float64
	Most    float64 // it must be above 0 and not above this
	Meaning string
	Of      func(*Criteria) *float64
}

// CriterionTable lists the criteria in their order.
func CriterionTable() []Criterion {
	return []Criterion{
		{"alpha", .05, .2, "error probability of each interval and each answer in a report: .05 is 5 %",
			func(c *Criteria) *float64 { return &c.Alpha }},
		{"error_margin", .01, 1, "how much more often the relay may fail than the primary, as a difference of shares: " +
			".01 is one percentage point, 1 in 100 requests more",
			func(c *Criteria) *float64 { return &c.ErrorMargin }},
		{"fault_margin", .01, 1, "how much more often the relay's responses may have faults, as a difference of shares",
			func(c *Criteria) *float64 { return &c.FaultMargin }},
		{"latency_margin", .1, 10, "how much slower the relay may be, as a share of the primary's time: .1 is a tenth",
			func(c *Criteria) *float64 { return &c.LatencyMargin }},
		{"noise_margin", .02, 1, "how much further the relay's responses may be from the primary's than the primary's own run-to-run " +
			"variation, in word distance from 0 to 1",
			func(c *Criteria) *float64 { return &c.NoiseMargin }},
		{"token_margin", .05, 10, "how many more tokens the relay may count for the same request or text, as a share of the primary's count",
			func(c *Criteria) *float64 { return &c.TokenMargin }},
	}
}

// DefaultCriteria are the criteria of a report that sets none.
func DefaultCriteria() Criteria { return Criteria{}.withDefaults() }

func (c Criteria) withDefaults() Criteria {
	for _, d := range CriterionTable() {
		if v := d.Of(&c); *v <= 0 {
			*v = d.Default
		}
	}
	return c
}
