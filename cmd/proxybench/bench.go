package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// bench is one run.
type bench struct {
	opt      options
	progress io.Writer
	family   *family
	self     string // this binary
	cutover  string // the sidecar's binary
	nginx    string // "" if it is not installed
	stores   int    // data directories so far

	primary, relay, blackHole *process
	standing                  map[kind]*contender
	report                    *report
}

// measure runs what opt asks for. With an error the report may be partial.
func measure(ctx context.Context, opt options, progress io.Writer) (*report, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if err := checkOpenFiles(opt); err != nil {
		return nil, err
	}
	if !opt.verbose && !isTerminal(progress) {
		progress = io.Discard
	}
	dir, err := os.MkdirTemp("", "proxybench-")
	if err != nil {
		return nil, err
	}
	b := &bench{opt: opt, progress: progress, family: &family{dir: dir}, nginx: findNginx(), standing: map[kind]*contender{}}
	defer func() {
		b.family.stop()
		if opt.keep {
			fmt.Fprintln(os.Stderr, "proxybench: logs are kept in", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, "proxybench:", err)
		}
	}()
	if err := b.setUp(ctx); err != nil {
		return nil, err
	}
	b.report = newReport(b)
	others := watchOthers()
	limited, cancel := context.WithTimeout(ctx, opt.limit)
	defer cancel()
	began := time.Now()
	err = b.all(limited)
	b.report.Seconds = time.Since(began).Seconds()
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		b.report.note("The run stopped at its limit of %s, so some measurements are missing (-limit allows more time).", opt.limit)
		err = nil
	}
	b.family.stop() // the CPU time of children is known only after they have ended
	b.report.others(others())
	b.report.judge()
	return b.report, err
}

// watchOthers returns a function that reports the CPU time that other processes have
// used since, in percent of the machine.
func watchOthers() func() (float64, error) {
	read := func() (others time.Duration, err error) {
		busy, err := busyTime()
		if err != nil {
			return 0, err
		}
		own, err := ownTime()
		return busy - own, err
	}
	began := time.Now()
	before, err := read()
	return func() (float64, error) {
		after, aerr := read()
		if err := errors.Join(err, aerr); err != nil {
			return 0, err
		}
		all := time.Since(began).Seconds() * float64(runtime.NumCPU())
		return max(0, 100*(after-before).Seconds()/all), nil
	}
}

// setUp builds the sidecar and starts the upstreams.
func (b *bench) setUp(ctx context.Context) (err error) {
	if b.self, err = os.Executable(); err != nil {
		return fmt.Errorf("find this binary: %w", err)
	}
	if b.cutover, err = b.build(ctx); err != nil {
		return err
	}
	if b.primary, err = b.startRole(ctx, rolePrimary); err != nil {
		return err
	}
	if b.relay, err = b.startRole(ctx, roleRelay); err != nil {
		return err
	}
	b.blackHole, err = b.startRole(ctx, roleBlackHole)
	return err
}

// build builds cutover, unless a binary was given.
func (b *bench) build(ctx context.Context) (string, error) {
	if b.opt.cutover != "" {
		path, err := filepath.Abs(b.opt.cutover)
		if err == nil {
			_, err = os.Stat(path)
		}
		return path, err
	}
	b.say("building cutover")
	path := filepath.Join(b.family.dir, "cutover")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "cutover/cmd/cutover")
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { killGroup(cmd.Process.Pid); return nil }
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build cutover (run this inside its source tree): %w\n%s", err, strings.TrimSpace(string(out)))
	}
	return path, nil
}

// all runs the requested measurements.
func (b *bench) all(ctx context.Context) error {
	for _, m := range []struct {
		name string
		take func(context.Context) error
	}{
		{measureRequests, b.measureRequests},
		{measureLatency, b.measureLatency},
		{measureStreams, b.measureStreams},
		{measureMemory, b.measureMemory},
		{measureCuts, b.measureCuts},
		{measureBlackHole, b.measureBlackHole},
		{measureCallers, b.measureCallers},
	} {
		if !b.opt.wants(m.name) {
			continue
		}
		if err := m.take(ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err() // the failure is a consequence of that
			}
			return fmt.Errorf("%s: %w", m.name, err)
		}
	}
	return nil
}

// proxies are the kinds that are compared.
func (b *bench) proxies() []kind {
	kinds := []kind{plain, cutoverOff, cutoverFull, goMirror}
	if b.nginx != "" {
		kinds = append(kinds, nginxPlain, nginxMirror)
	}
	return kinds
}

// contender returns a kind that runs for the whole benchmark, started on first use.
func (b *bench) contender(ctx context.Context, k kind) (*contender, error) {
	if c := b.standing[k]; c != nil {
		return c, nil
	}
	c, err := b.newContender(ctx, k)
	if err == nil {
		b.standing[k] = c
		b.say("%s: processes %v", k.title(), c.pids)
	}
	return c, err
}

// sample is one turn of one contender.
type sample struct {
	outcome
	counts               // of the turn; memory is that after it
	cpu    time.Duration // of the contender's processes
}

// counts are the other figures, besides CPU time.
type counts struct {
	mirrored       int64            // requests that reached the relay
	outcomes       map[string]int64 // of cutover's mirror
	resident, peak int64            // bytes
}

// cpuPerRequest is in microseconds.
func (s sample) cpuPerRequest() float64 { return micros(s.cpu) / float64(max(s.sent, 1)) }

func (s sample) perSecond() float64 { return float64(s.sent) / s.elapsed.Seconds() }

// rounds gives every kind a turn, n times.
func (b *bench) rounds(ctx context.Context, what string, n int, kinds []kind, l load) (map[kind][]sample, error) {
	taken := map[kind][]sample{}
	for round := range n {
		for _, k := range kinds {
			b.say("%s: round %d of %d: %s", what, round+1, n, k.title())
			c, err := b.contender(ctx, k)
			if err != nil {
				return nil, err
			}
			if round == 0 { // warm-up: caches, pools and heaps reach their usual size
				warm := l
				warm.lasting, warm.charged = l.lasting/3, false
				if _, err := b.turn(ctx, c, warm); err != nil {
					return nil, err
				}
			}
			s, err := b.turn(ctx, c, l)
			if err != nil {
				return nil, err
			}
			taken[k] = append(taken[k], s)
		}
	}
	return taken, nil
}

// turn loads one contender and measures it. Everything that the load causes is
// counted, including work after the last response.
func (b *bench) turn(ctx context.Context, c *contender, l load) (s sample, err error) {
	l.addr = c.addr
	ld, err := prepare(ctx, l)
	if err != nil {
		return s, fmt.Errorf("%s: %w", c.title(), err)
	}
	defer ld.close()
	if err := c.settle(ctx); err != nil {
		return s, err
	}
	before, err := b.counts(ctx, c)
	if err != nil {
		return s, err
	}
	cpu, err := c.cpu()
	if err != nil {
		return s, err
	}
	s.outcome = ld.run(ctx)
	settle := c.settle
	if l.charged {
		settle = c.settleAll
	}
	if err := settle(ctx); err != nil {
		return s, err
	}
	if s.cpu, err = c.cpu(); err != nil {
		return s, err
	}
	s.cpu -= cpu
	if s.counts, err = b.counts(ctx, c); err != nil {
		return s, err
	}
	s.mirrored -= before.mirrored
	for name, n := range before.outcomes {
		s.outcomes[name] -= n
	}
	if s.sent == 0 {
		return s, fmt.Errorf("%s: no request got a response within %s", c.title(), l.lasting)
	}
	return s, nil
}

// counts reads how many requests reached the relay so far, and the contender's memory.
func (b *bench) counts(ctx context.Context, c *contender) (n counts, err error) {
	if c.proc == nil {
		return n, nil
	}
	if n.resident, n.peak, err = c.memory(); err != nil {
		return n, err
	}
	if c.mirrors() {
		if n.mirrored, err = requestCount(ctx, b.relay.listen); err != nil {
			return n, err
		}
	}
	if c.kind == cutoverFull {
		n.outcomes, err = c.mirrorOutcomes(ctx)
	}
	return n, err
}

// say shows progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, format+"\n", args...)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// checkOpenFiles rejects more open streams than a process on this machine can have: a
// proxy needs two connections for each, over HTTP/2 little more than one.
func checkOpenFiles(opt options) error {
	const besides = 600 // shadow requests, listeners, logs, store
	for _, n := range []struct {
		flag, measure string
		count, need   int
	}{
		{"streams", measureMemory, opt.streams, 2 * opt.streams},
		{"callers", measureCallers, opt.callers, opt.callers},
	} {
		if !opt.wants(n.measure) {
			continue
		}
		limit, err := openFiles()
		if err != nil {
			return err
		}
		if need := uint64(n.need + besides); limit < need {
			return fmt.Errorf("-%s %d needs %d open files per process, but the limit is %d: "+
				"raise it (ulimit -Hn, LimitNOFILE, docker run --ulimit nofile=%d) or use a smaller number",
				n.flag, n.count, need, limit, need)
		}
	}
	return nil
}
