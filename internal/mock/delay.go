package mock

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Delay is a distribution of waiting times. The zero Delay does not wait.
//
// In files and flags it is written as one of
//
//	200ms                          always the same
//	uniform(100ms,300ms)           evenly between the two
//	lognormal(200ms,0.4)           median and sigma (of the logarithm): a realistic long tail
//	exponential(50ms)              mean
//	empirical(40ms,55ms,70ms,2s)   measured quantiles, evenly spaced from 0 to 1, interpolated
type Delay struct {
	kind   delayKind
	a, b   float64   // nanoseconds; for lognormal b is sigma
	points []float64 // nanoseconds, ascending
}

type delayKind uint8

const (
	fixedDelay delayKind = iota
	uniformDelay
	lognormalDelay
	exponentialDelay
	empiricalDelay
)

// longestDelay bounds what is drawn from a long tail.
const longestDelay = time.Hour

// Fixed waits for d each time.
func Fixed(d time.Duration) Delay { return Delay{a: float64(max(d, 0))} }

// Uniform waits between low and high.
func Uniform(low, high time.Duration) Delay {
	return Delay{kind: uniformDelay, a: float64(max(low, 0)), b: float64(max(high, low, 0))}
}

// Lognormal has the given median; sigma is the standard deviation of the
// logarithm (0.4: the 95th percentile is about twice the median).
func Lognormal(median time.Duration, sigma float64) Delay {
	return Delay{kind: lognormalDelay, a: float64(max(median, 0)), b: math.Abs(sigma)}
}

// Exponential has the given mean.
func Exponential(mean time.Duration) Delay {
	return Delay{kind: exponentialDelay, a: float64(max(mean, 0))}
}

// Empirical draws from measured quantiles, evenly spaced from 0 to 1: with
// three of them the minimum, the median and the maximum.
func Empirical(quantiles ...time.Duration) Delay {
	d := Delay{kind: empiricalDelay}
	for _, q := range quantiles {
		d.points = append(d.points, float64(max(q, 0)))
	}
	slices.Sort(d.points)
	return d
}

// IsZero reports that the delay never waits.
func (d Delay) IsZero() bool {
	if d.kind == empiricalDelay {
		return len(d.points) == 0 || d.points[len(d.points)-1] == 0
	}
	return d.a == 0 && (d.kind != uniformDelay || d.b == 0)
}

// draw returns one waiting time.
func (d Delay) draw(r *dice) time.Duration {
	var ns float64
	switch d.kind {
	case fixedDelay:
		return time.Duration(d.a)
	case uniformDelay:
		ns = d.a + r.float()*(d.b-d.a)
	case lognormalDelay:
		ns = d.a * math.Exp(d.b*normal(r))
	case exponentialDelay:
		ns = -d.a * math.Log(1-r.float())
	case empiricalDelay:
		ns = quantile(d.points, r.float())
	}
	return time.Duration(min(ns, float64(longestDelay)))
}

// normal is a standard normal draw by the Box-Muller transform.
func normal(r *dice) float64 {
	return math.Sqrt(-2*math.Log(1-r.float())) * math.Cos(2*math.Pi*r.float())
}

func quantile(points []float64, q float64) float64 {
	switch len(points) {
	case 0:
		return 0
	case 1:
		return points[0]
	}
	at := q * float64(len(points)-1)
	i := min(int(at), len(points)-2)
	return points[i] + (at-float64(i))*(points[i+1]-points[i])
}

// String writes the delay in the form that ParseDelay reads.
func (d Delay) String() string {
	short := func(ns float64) string { return time.Duration(ns).String() }
	switch d.kind {
	case uniformDelay:
		return "uniform(" + short(d.a) + "," + short(d.b) + ")"
	case lognormalDelay:
		return "lognormal(" + short(d.a) + "," + strconv.FormatFloat(d.b, 'g', -1, 64) + ")"
	case exponentialDelay:
		return "exponential(" + short(d.a) + ")"
	case empiricalDelay:
		words := make([]string, len(d.points))
		for i, p := range d.points {
			words[i] = short(p)
		}
		return "empirical(" + strings.Join(words, ",") + ")"
	}
	return short(d.a)
}

// MarshalText writes what UnmarshalText reads.
func (d Delay) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a delay from a configuration file.
func (d *Delay) UnmarshalText(text []byte) error {
	parsed, err := ParseDelay(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// ParseDelay reads a delay as written in files and flags; see Delay.
func ParseDelay(s string) (Delay, error) {
	name, rest, call := strings.Cut(strings.TrimSpace(s), "(")
	if !call {
		d, err := parseWait(s)
		return Fixed(d), err
	}
	inside, ok := strings.CutSuffix(strings.TrimSpace(rest), ")")
	if !ok {
		return Delay{}, fmt.Errorf("delay %q: the closing parenthesis is missing", s)
	}
	d, err := parseDistribution(strings.TrimSpace(name), strings.Split(inside, ","))
	if err != nil {
		return Delay{}, fmt.Errorf("delay %q: %w", s, err)
	}
	return d, nil
}

func parseDistribution(name string, args []string) (Delay, error) {
	want := map[string]int{"fixed": 1, "uniform": 2, "lognormal": 2, "exponential": 1}
	if n, known := want[name]; known && len(args) != n {
		return Delay{}, fmt.Errorf("%s takes %d values, got %d", name, n, len(args))
	}
	if name == "lognormal" {
		median, err := parseWait(args[0])
		if err != nil {
			return Delay{}, err
		}
		sigma, err := strconv.ParseFloat(strings.TrimSpace(args[1]), 64)
		if err != nil || sigma < 0 || sigma > 5 {
			return Delay{}, fmt.Errorf("sigma must be a number from 0 to 5, got %q", args[1])
		}
		return Lognormal(median, sigma), nil
	}
	waits := make([]time.Duration, len(args))
	for i, arg := range args {
		w, err := parseWait(arg)
		if err != nil {
			return Delay{}, err
		}
		waits[i] = w
	}
	switch name {
	case "fixed":
		return Fixed(waits[0]), nil
	case "exponential":
		return Exponential(waits[0]), nil
	case "empirical":
		return Empirical(waits...), nil
	case "uniform":
		if waits[1] < waits[0] {
			return Delay{}, fmt.Errorf("uniform needs the lower value first")
		}
		return Uniform(waits[0], waits[1]), nil
	}
	return Delay{}, fmt.Errorf("no distribution is called %q; use fixed, uniform, lognormal, exponential or empirical", name)
}

func parseWait(s string) (time.Duration, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "0" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 200ms or 1.5s", s)
	}
	if d < 0 || d > longestDelay {
		return 0, fmt.Errorf("a wait must be from 0 to %s, got %s", longestDelay, d)
	}
	return d, nil
}
