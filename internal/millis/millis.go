// Package millis gives durations the one form that they have in cutover's JSON: a
// number of milliseconds, in a member whose name ends in "_ms".
package millis

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Duration is a time.Duration that JSON holds as a number of milliseconds, with as
// many decimals as it takes: 1.5 is 1,500,000 ns. Up to 104 days (2^53 ns) it comes
// back to the nanosecond.
type Duration time.Duration

// String is the duration as Go writes it: "1.5ms".
func (d Duration) String() string { return time.Duration(d).String() }

// Seconds is the duration as a floating point number of seconds.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

// Milliseconds is the duration as a floating point number of milliseconds.
func (d Duration) Milliseconds() float64 { return float64(d) / float64(time.Millisecond) }

// MarshalJSON writes the number of milliseconds.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, d.Milliseconds(), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of milliseconds, rounded to the nanosecond. null
// leaves the duration alone, as encoding/json has it.
func (d *Duration) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	ms, err := strconv.ParseFloat(string(b), 64)
	ns := math.Round(ms * float64(time.Millisecond))
	if err != nil || math.Abs(ns) >= math.MaxInt64 {
		return fmt.Errorf("%.60q is not a number of milliseconds", b)
	}
	*d = Duration(ns)
	return nil
}
