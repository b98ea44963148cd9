package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// errHelp is a call for the help text, which has been printed.
var errHelp = flag.ErrHelp

// The measures, in the order in which they run.
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

// options is one command line, complete and checked.
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
	relayLimit        time.Duration // after which the sidecar gives a silent relay up; 0: its default
	only              []string
	output            string // text, markdown or json
	cutover           string // a binary; empty: build one
}

// goalStreams is the number of open streams that the memory goal is about,
// and growthStreams the one whose growth is shown per stream.
const (
	goalStreams   = 5000
	growthStreams = 1000
)

// parseOptions reads the command line. Errors are usageErrors or errHelp.
func parseOptions(args []string, w io.Writer) (options, error) {
	var o options
	fs := flag.NewFlagSet("proxybench", flag.ContinueOnError)
	fs.SetOutput(w)
	only := fs.String("only", "", "measure only these: "+strings.Join(allMeasures(), ",")+"; "+measureCallers+" is measured only when it is named")
	fs.BoolVar(&o.quick, "quick", false, "a short run of at most a minute, to see that everything works")
	fs.BoolVar(&o.strict, "strict", false, "exit with 1 when a goal is missed")
	fs.BoolVar(&o.verbose, "v", false, "show progress also when standard error is not a terminal")
	fs.BoolVar(&o.keep, "keep", false, "keep the directory with the logs of what was started")
	fs.IntVar(&o.rounds, "rounds", 3, "rounds; in each every contender has one turn")
	fs.DurationVar(&o.slot, "slot", 1500*time.Millisecond, "length of a turn (with -quick 200ms)")
	fs.DurationVar(&o.limit, "limit", 0, "end of the run, whatever has not been measured (default 4m; 1m with -quick; 20m when the amount of work was given by flags)")
	fs.IntVar(&o.concurrency, "concurrency", 16, "connections that load requests")
	fs.IntVar(&o.streamConcurrency, "stream-concurrency", 12, "connections that load streams")
	fs.IntVar(&o.chunks, "chunks", 100, "chunks of a stream")
	fs.DurationVar(&o.gap, "gap", time.Millisecond, "time between two chunks")
	fs.IntVar(&o.streams, "streams", growthStreams, "streams open at once while memory is measured; the goal is about 5000 (with -quick 200)")
	fs.IntVar(&o.cuts, "cuts", 2000, "short streamed answers at each of three concurrencies (with -quick 300)")
	fs.IntVar(&o.callers, "callers", 10_000, "callers with an open stream each, over HTTP/2 to the upstream (with -quick 200)")
	fs.DurationVar(&o.relayLimit, "relay-limit", 0, "when the sidecar gives up a copy to the silent relay, to make them come and go more often (default: cutover's own)")
	fs.StringVar(&o.output, "output", "text", "text, markdown or json")
	fs.StringVar(&o.cutover, "cutover", "", "measure this binary instead of building one")
	fs.Usage = func() {
		fmt.Fprint(w, "proxybench measures what cutover costs, beside a plain Go proxy and nginx.\n\nUsage: go run ./cmd/proxybench [flags]\n\n")
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

// scale fits what was not given to the length of the run.
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

// check completes o.only and refuses what can't be measured.
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
		return usageError{fmt.Errorf("-chunks %d: a stream has 4 at least (role, content, finish reason, usage)", o.chunks)}
	}
	if o.slot < 10*time.Millisecond || o.limit <= 0 || o.gap < 0 || o.relayLimit < 0 {
		return usageError{fmt.Errorf("-slot is 10ms at least, -limit more than 0, -gap and -relay-limit not negative")}
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
			return usageError{fmt.Errorf("-only %q: expected some of %s", m, strings.Join(known, ","))}
		}
	}
	return nil
}

func (o *options) wants(measure string) bool { return slices.Contains(o.only, measure) }
