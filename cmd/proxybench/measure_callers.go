package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// CallersRow is the result for many callers with an open stream each, through one
// sidecar that uses HTTP/2 to its upstreams.
type CallersRow struct {
	Way         string           `json:"way"`
	Callers     int              `json:"callers"`
	Whole       int64            `json:"whole"`     // complete and identical responses
	Cut         int64            `json:"cut"`       // truncated
	Differing   int64            `json:"differing"` // complete, but different
	Failed      int64            `json:"failed"`    // no response, or an error status
	FirstWhy    string           `json:"first_why,omitempty"`
	AtOnce      int64            `json:"at_once"`     // peak open streams at the serving upstream
	Connections int64            `json:"connections"` // to the serving upstream
	FirstP50    float64          `json:"first_p50_ms"`
	FirstP99    float64          `json:"first_p99_ms"`
	PeakMiB     float64          `json:"peak_mib"` // resident
	CPUMillis   float64          `json:"cpu_ms"`   // per stream
	Seconds     float64          `json:"seconds"`  // total
	Outcomes    map[string]int64 `json:"mirror,omitempty"`
}

// way is one setup for the callers.
type way struct {
	title  string
	secure bool   // TLS
	arm    string // who serves
	env    []string
	direct bool // no sidecar, HTTP/1.1
	mirror bool
}

func (b *bench) ways() []way {
	relayServes := "CUTOVER_FLAGS_RELAY_PERCENTAGE=100"
	return []way{
		{title: "direct, HTTP/1.1", arm: armPrimary, direct: true},
		{title: "h2c, the primary serves", arm: armPrimary},
		{title: "h2 over TLS, the primary serves", arm: armPrimary, secure: true},
		{title: "h2 over TLS, the relay serves, fallback on", arm: armRelay, secure: true, env: []string{relayServes}},
		{title: "the same, 100 % mirrored", arm: armRelay, secure: true, mirror: true, env: []string{
			relayServes, "CUTOVER_FLAGS_SHADOW_PERCENTAGE=100",
			fmt.Sprint("CUTOVER_SHADOW_MAX_CONCURRENCY=", b.opt.callers), "CUTOVER_SHADOW_MAX_BYTES=1GiB",
		}},
	}
}

// The callers' streams: long enough that all are open at once.
const callerChunks = 16

func (b *bench) callerGap() time.Duration {
	if b.opt.quick {
		return 100 * time.Millisecond
	}
	return time.Second
}

// measureCallers lets all callers send a request at the same moment, each on its own
// connection, and read the stream to its end.
func (b *bench) measureCallers(ctx context.Context) error {
	for _, w := range b.ways() {
		b.say("callers: %d: %s", b.opt.callers, w.title)
		row, err := b.callers(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.title, err)
		}
		b.report.Callers = append(b.report.Callers, row)
	}
	return nil
}

func (b *bench) callers(ctx context.Context, w way) (row CallersRow, err error) {
	row = CallersRow{Way: w.title, Callers: b.opt.callers}
	requests, err := makeRequestsTo(w.arm, streamModel(callerChunks, b.callerGap()), "bench.local", 64)
	if err != nil {
		return row, err
	}
	if w.direct {
		o, err := b.crowd(ctx, b.primary.listen, requests)
		row.fill(o)
		return row, err
	}
	ups := map[string]*process{}
	for _, arm := range []string{armPrimary, armRelay} {
		up, err := b.startStreams(ctx, arm, w.secure)
		if err != nil {
			return row, err
		}
		defer up.stop()
		ups[arm] = up
	}
	c, err := b.startCallersSidecar(ctx, w, ups[armPrimary], ups[armRelay])
	if err != nil {
		return row, err
	}
	defer c.proc.stop()
	o, err := b.crowd(ctx, c.addr, requests)
	row.fill(o)
	if err != nil {
		return row, err
	}
	if err := c.settleAll(ctx); err != nil {
		return row, err
	}
	cpu, err := c.cpu()
	if err != nil {
		return row, err
	}
	row.CPUMillis = micros(cpu) / 1e3 / float64(max(1, o.sent))
	_, peak, err := c.memory()
	if err != nil {
		return row, err
	}
	row.PeakMiB = float64(peak) / mib
	if w.mirror {
		if row.Outcomes, err = c.mirrorOutcomes(ctx); err != nil {
			return row, err
		}
	}
	told, err := get(ctx, "http://"+ups[w.arm].admin)
	if err != nil {
		return row, err
	}
	var r reading
	err = json.Unmarshal([]byte(told), &r)
	row.AtOnce, row.Connections = r.Peak, r.Connections
	return row, err
}

func (r *CallersRow) fill(o outcome) {
	r.Whole, r.Cut, r.Differing, r.Failed = int64(len(o.latencies)), o.cut, o.differing, o.failed
	r.Seconds = o.elapsed.Seconds()
	r.FirstP50, r.FirstP99 = micros(quantile(o.firsts, .5))/1e3, micros(quantile(o.firsts, .99))/1e3
	if o.firstErr != nil {
		r.FirstWhy = o.firstErr.Error()
	}
}

// crowd connects all callers, and then lets them send at once.
func (b *bench) crowd(ctx context.Context, addr string, requests []request) (outcome, error) {
	n := b.opt.callers
	ld := &loader{load: load{addr: addr, requests: requests, concurrency: n, most: int64(n)}, conns: make([]*rawConn, n)}
	defer ld.close()
	defer context.AfterFunc(ctx, ld.close)()
	var next atomic.Int64
	errs := make([]error, dialers)
	var wait sync.WaitGroup
	for d := range dialers {
		wait.Go(func() {
			for w := int(next.Add(1)) - 1; w < n && errs[d] == nil; w = int(next.Add(1)) - 1 {
				_, errs[d] = ld.connect(w, time.Now().Add(time.Hour))
			}
		})
	}
	wait.Wait()
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return outcome{}, err
	}
	return ld.run(ctx), ctx.Err()
}

// startStreams starts an HTTP/2 upstream.
func (b *bench) startStreams(ctx context.Context, arm string, secure bool) (*process, error) {
	env := []string{armVariable + "=" + arm}
	if secure {
		env = append(env, certVariable+"="+b.certificateOf(arm))
	}
	return b.startRole(ctx, roleStreams, env...)
}

func (b *bench) certificateOf(arm string) string { return filepath.Join(b.family.dir, arm+".pem") }

// startCallersSidecar starts a sidecar that uses HTTP/2 to both upstreams.
func (b *bench) startCallersSidecar(ctx context.Context, w way, primary, relay *process) (*contender, error) {
	scheme, env := "http", append([]string(nil), w.env...)
	for _, arm := range []string{"PRIMARY", "RELAY"} {
		if !w.secure {
			env = append(env, "CUTOVER_UPSTREAMS_"+arm+"_PROTOCOL=h2c")
		}
	}
	if w.secure {
		scheme = "https"
		env = append(
			env,
			"CUTOVER_UPSTREAMS_PRIMARY_CA="+b.certificateOf(armPrimary),
			"CUTOVER_UPSTREAMS_RELAY_CA="+b.certificateOf(armRelay),
		)
	}
	b.stores++
	proc, err := b.family.start(ctx, command{
		name: "cutover for callers", path: b.cutover, env: env,
		args: []string{
			"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
			"--primary", scheme + "://" + primary.listen + "/v1", "--relay", scheme + "://" + relay.listen + "/v1",
			"--data", filepath.Join(b.family.dir, fmt.Sprintf("data-%d", b.stores)),
		},
	}, listening)
	if err != nil {
		return nil, err
	}
	k := cutoverOff
	if w.mirror {
		k = cutoverFull
	}
	return &contender{kind: k, addr: proc.listen, proc: proc, pids: []int{proc.cmd.Process.Pid}}, nil
}

func (r *report) callersTable() table {
	t := table{
		title: "Callers",
		about: fmt.Sprintf("All callers send at the same moment, over HTTP/1.1; each reads a stream of %d chunks. "+
			"The upstreams allow %d streams per connection. First: from the request to the response's first line; "+
			"what the relay serves is held back until its first content, which comes with the second chunk.",
			callerChunks, streamsPerConnection),
		head: []string{"", "callers", "complete", "cut", "changed", "failed", "open at once", "connections",
			"first p50 ms", "first p99 ms", "peak MiB", "CPU ms/stream", "s"},
	}
	for _, row := range r.Callers {
		t.rows = append(t.rows, []string{
			row.Way, fmt.Sprint(row.Callers), fmt.Sprint(row.Whole), fmt.Sprint(row.Cut), fmt.Sprint(row.Differing), fmt.Sprint(row.Failed),
			fmt.Sprint(row.AtOnce), fmt.Sprint(row.Connections), fmt.Sprintf("%.0f", row.FirstP50), fmt.Sprintf("%.0f", row.FirstP99),
			fmt.Sprintf("%.0f", row.PeakMiB), fmt.Sprintf("%.2f", row.CPUMillis), fmt.Sprintf("%.0f", row.Seconds),
		})
		if row.FirstWhy != "" {
			t.notes = append(t.notes, fmt.Sprintf("%s: first bad response: %s", row.Way, row.FirstWhy))
		}
		if len(row.Outcomes) > 0 {
			t.notes = append(t.notes, fmt.Sprintf("%s: the mirror's outcomes are %v", row.Way, row.Outcomes))
		}
	}
	return t
}

// callersGoal is that every caller gets its complete response. Only runs that measure
// it have this goal.
func (r *report) callersGoal() {
	var bad, all int64
	for _, row := range r.Callers {
		bad += int64(row.Callers) - row.Whole
		all += int64(row.Callers)
	}
	if all == 0 {
		return
	}
	g := Goal{Name: "concurrent callers whose stream was cut, changed or failed", Unit: fmt.Sprintf("of %d", all)}
	g.set(float64(bad))
	r.add(g)
}
