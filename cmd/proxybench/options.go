package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// errHelp means that the help text was requested and has been printed.
var errHelp = flag.ErrHelp

// The measurements, in the order in which they run.
const (
	measureRequests  = "requests"
	measureLatency   = "latency"
	measureStreams   = "streams"
	measureMemory    = "memory"
	measureCuts      = "cuts"
	measureBlackHole = "blackhole"
	measureCallers   = "callers" // on request only
)

func allMeasures() []string {
	return []string{measureRequests, measureLatency, measureStreams, measureMemory, measureCuts, measureBlackHole}
}

// options is a complete, checked command line.
type options struct {
	quick, strict, verbose, keep bool

	rounds            int
	slot              time.Duration // one contender's load in one round
	limit             time.Duration // of the whole run, after the build
	concurrency       int           // of requests
	streamConcurrency int
	chunks            int           // of a stream
	gap               time.Duration // between two chunks
	streams           int           // open at once
	cuts              int           // short streams at each concurrency
	callers           int           // at once, over HTTP/2 to the upstream
	relayLimit        time.Duration // after which the sidecar gives up on a silent relay; 0: its default
	only              []string
	output            string // text, markdown or json
	cutover           string // a binary; empty: build one
}

// goalStreams is the number of open streams of the memory goal, growthStreams the
// number for which the growth per stream is shown.
const (
	goalStreams   = 5000
	growthStreams = 1000
)

// parseOptions parses the command line. Errors are usageErrors or errHelp.
func parseOptions(args []string, w io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("proxybench", flag.ContinueOnError)
	fs.SetOutput(w)
	only := fs.String("only", "",
		"measure only these: "+strings.Join(allMeasures(), ",")+"; "+measureCallers+" is measured only if it is named")
	fs.BoolVar(&o.quick, "quick", false, "a short run of at most a minute, to check that everything works")
	fs.BoolVar(&o.strict, "strict", false, "exit with 1 if a goal is missed")
	fs.BoolVar(&o.verbose, "v", false, "show progress even if standard error is not a terminal")
	fs.BoolVar(&o.keep, "keep", false, "keep the directory with the logs of all processes")
	fs.IntVar(&o.rounds, "rounds", 3, "number of rounds; each contender has one turn per round")
	fs.DurationVar(&o.slot, "slot", 1500*time.Millisecond, "length of a turn (with -quick 200ms)")
	fs.DurationVar(&o.limit, "limit", 0,
		"stop the run after this time (default 4m; 1m with -quick; 20m if flags set the amount of work)")
	fs.IntVar(&o.concurrency, "concurrency", 16, "connections for requests")
	fs.IntVar(&o.streamConcurrency, "stream-concurrency", 12, "connections for streams")
	fs.IntVar(&o.chunks, "chunks", 100, "chunks per stream")
	fs.DurationVar(&o.gap, "gap", time.Millisecond, "time between two chunks")
	fs.IntVar(&o.streams, "streams", growthStreams,
		"open streams while memory is measured; the goal is for 5000 (with -quick 200)")
	fs.IntVar(&o.cuts, "cuts", 2000, "short streamed responses at each of three concurrencies (with -quick 300)")
	fs.IntVar(&o.callers, "callers", 10_000, "callers with an open stream each, over HTTP/2 to the upstream (with -quick 200)")
	fs.DurationVar(&o.relayLimit, "relay-limit", 0,
		"timeout of shadow requests to the silent relay, to make them start and end more often (default: cutover's own)")
	fs.StringVar(&o.output, "output", "text", "text, markdown or json")
	fs.StringVar(&o.cutover, "cutover", "", "measure this binary instead of building cutover")
	fs.Usage = func() {
		fmt.Fprint(w, "proxybench measures what cutover costs, compared with a plain Go proxy and nginx.\n\n"+
			"Usage: go run ./cmd/proxybench [flags]\n\n")
		fs.PrintDefaults()
	}
	if err := fs.Parse(args); err != nil {
		if err == errHelp {
			return o, errHelp
		}
		return o, usageError{err}
	}
	given := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.scale(given)
	if fs.NArg() > 0 {
		return o, usageError{fmt.Errorf("unexpected %q: proxybench takes only flags", fs.Arg(0))}
	}
	return o, o.check(*only)
}

// scale fits options that were not given to the length of the run.
func (o *options) scale(given map[string]bool) {
	set := func(name string, apply func()) {
		if !given[name] {
			apply()
		}
	}
	if o.quick {
		set("slot", func() { o.slot = 200 * time.Millisecond })
		set("streams", func() { o.streams = 200 })
		set("cuts", func() { o.cuts = 300 })
		set("callers", func() { o.callers = 200 })
	}
	set("limit", func() {
		switch {
		case given["rounds"], given["slot"], given["streams"], given["cuts"], given["chunks"], given["gap"]:
			o.limit = 20 * time.Minute
		case o.quick:
			o.limit = time.Minute
		default:
			o.limit = 4 * time.Minute
		}
	})
}

// check completes o.only and rejects what can't be measured.
func (o *options) check(only string) error {
	for _, n := range []struct {
		flag  string
		value int
		most  int
	}{
		{"rounds", o.rounds, 1000}, {"concurrency", o.concurrency, 10_000},
		{"stream-concurrency", o.streamConcurrency, 10_000}, {"chunks", o.chunks, 100_000},
		{"streams", o.streams, 25_000}, {"cuts", o.cuts, 10_000_000}, {"callers", o.callers, 25_000},
	} {
		if n.value < 1 || n.value > n.most {
			return usageError{fmt.Errorf("-%s %d: expected 1 to %d", n.flag, n.value, n.most)}
		}
	}
	if o.chunks < 4 {
		return usageError{fmt.Errorf("-chunks %d: expected at least 4 (role, content, finish reason, usage)", o.chunks)}
	}
	if o.slot < 10*time.Millisecond || o.limit <= 0 || o.gap < 0 || o.relayLimit < 0 {
		return usageError{fmt.Errorf("-slot must be at least 10ms, -limit above 0, and -gap and -relay-limit not negative")}
	}
	if !slices.Contains([]string{"text", "markdown", "json"}, o.output) {
		return usageError{fmt.Errorf("-output %q: expected text, markdown or json", o.output)}
	}
	o.only = allMeasures()
	if only == "" {
		return nil
	}
	o.only = strings.Split(only, ",")
	for _, m := range o.only {
		if known := append(allMeasures(), measureCallers); !slices.Contains(known, m) {
			return usageError{fmt.Errorf("-only %q: expected one or more of %s", m, strings.Join(known, ","))}
		}
	}
	return nil
}

func (o *options) wants(measure string) bool { return slices.Contains(o.only, measure) }
