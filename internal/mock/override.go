package mock

import "strconv"

// Override is what one request sets for itself with headers, if Config.Overrides
// allows it:
//
//	X-Mock-Fault: reset-after-3    a fault's kind, or "ok" for none
//	X-Mock-TTFT: 200ms             a delay
//	X-Mock-Gap: uniform(5ms,20ms)  a delay
//	X-Mock-Gzip: always            as Config.Gzip
//	X-Mock-Say: It depends.        as Speech.Say
//	X-Mock-Truncate-At: 20         as Speech.TruncateAt
type Override struct {
	fault      *fault
	ttft       *Delay
	gap        *Delay
	timed      bool // ttft or gap is set
	gzip       string
	say        string
	truncateAt int
}

// override reads the headers; false after sending an error.
func (c *call) override() bool {
	if !c.Overrides {
		return true
	}
	h := c.r.Header
	read := func(name string, take func(string) error) error {
		if v := h.Get(name); v != "" {
			return take(v)
		}
		return nil
	}
	delay := func(to **Delay) func(string) error {
		return func(v string) error {
			d, err := ParseDelay(v)
			*to, c.over.timed = &d, true
			return err
		}
	}
	for _, err := range []error{
		read("X-Mock-Fault", func(v string) error {
			f, err := parseFault(v)
			c.over.fault = &f
			return err
		}),
		read("X-Mock-Ttft", delay(&c.over.ttft)),
		read("X-Mock-Gap", delay(&c.over.gap)),
		read("X-Mock-Gzip", func(v string) error { c.over.gzip = v; return nil }),
		read("X-Mock-Say", func(v string) error { c.over.say = v; return nil }),
		read("X-Mock-Truncate-At", func(v string) (err error) { c.over.truncateAt, err = strconv.Atoi(v); return err }),
	} {
		if err != nil {
			c.fail(badRequest("", "X-Mock header: "+err.Error()))
			return false
		}
	}
	return true
}
