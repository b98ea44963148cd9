package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// kind is one way from a caller to the upstream.
type kind string

// The kinds, as JSON output names them.
const (
	direct        kind = "direct"
	plain         kind = "plain-go-proxy"
	pooled        kind = "plain-go-proxy-pooled-buffers"
	unread        kind = "plain-go-proxy-body-unread"
	cutoverOff    kind = "cutover-off"
	cutoverFull   kind = "cutover-100"
	cutoverSilent kind = "cutover-100-silent-relay"
	goMirror      kind = "bare-go-mirror"
	nginxPlain    kind = "nginx"
	nginxMirror   kind = "nginx-mirror"
)

// title names the kind in tables.
func (k kind) title() string {
	switch k {
	case plain:
		return "plain Go proxy"
	case pooled:
		return "plain Go proxy, pooled buffers"
	case unread:
		return "plain Go proxy, body not read first"
	case cutoverOff:
		return "cutover, mirroring off"
	case cutoverFull:
		return "cutover, mirroring 100 %"
	case cutoverSilent:
		return "cutover, 100 % to a silent relay"
	case goMirror:
		return "bare Go mirror, nothing compared"
	case nginxMirror:
		return "nginx with mirror"
	}
	return string(k)
}

func (k kind) mirrors() bool { return k == cutoverFull || k == goMirror || k == nginxMirror }

func (k kind) nginx() bool { return k == nginxPlain || k == nginxMirror }

// contender is a kind that runs.
type contender struct {
	kind
	addr string   // host:port for callers
	proc *process // nil: no proxy
	pids []int    // whose CPU time and memory count
}

// newContender starts a kind.
func (b *bench) newContender(ctx context.Context, k kind) (*contender, error) {
	c := &contender{kind: k}
	primary, relay := "http://"+b.primary.listen, "http://"+b.relay.listen
	var err error
	switch k {
	case direct:
		c.addr = b.primary.listen
		return c, nil
	case plain, pooled, unread, goMirror:
		role := map[kind]string{plain: rolePlain, pooled: rolePooled, unread: roleUnread, goMirror: roleMirror}[k]
		c.proc, err = b.startRole(ctx, role, primaryVariable+"="+primary, relayVariable+"="+relay)
	case cutoverOff, cutoverFull:
		c.proc, err = b.startCutover(ctx, k, relay)
	case cutoverSilent:
		var env []string
		if b.opt.relayLimit > 0 {
			env = append(env, "CUTOVER_UPSTREAMS_RELAY_TIMEOUTS_HEADER="+b.opt.relayLimit.String())
		}
		c.proc, err = b.startCutover(ctx, k, "http://"+b.blackHole.listen, env...)
	case nginxPlain, nginxMirror:
		c.proc, err = b.startNginx(ctx, k)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", k.title(), err)
	}
	c.addr, c.pids = c.proc.listen, []int{c.proc.cmd.Process.Pid}
	if k.nginx() {
		if c.pids, err = familyOf(c.proc.cmd.Process.Pid); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// startRole starts this binary in another role.
func (b *bench) startRole(ctx context.Context, role string, env ...string) (*process, error) {
	return b.family.start(ctx, command{name: role, path: b.self, env: append(env, roleVariable+"="+role)}, listening)
}

// startCutover starts a sidecar with its usual settings, store and log.
func (b *bench) startCutover(ctx context.Context, k kind, relay string, env ...string) (*process, error) {
	b.stores++
	if k != cutoverOff {
		env = append(env, "CUTOVER_FLAGS_SHADOW_PERCENTAGE=100")
	}
	return b.family.start(ctx, command{
		name: string(k), path: b.cutover, env: env,
		args: []string{
			"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
			"--primary", "http://" + b.primary.listen + "/v1", "--relay", relay + "/v1",
			"--data", filepath.Join(b.family.dir, fmt.Sprintf("data-%d", b.stores)),
		},
	}, listening)
}

// cpu is the CPU time that the contender's processes have used so far.
func (c *contender) cpu() (total time.Duration, err error) {
	for _, pid := range c.pids {
		t, err := cpuTime(pid)
		if err != nil {
			return 0, c.explain(err)
		}
		total += t
	}
	return total, nil
}

// memory is the resident memory of the contender's processes, now and at its peak.
func (c *contender) memory() (now, peak int64, err error) {
	for _, pid := range c.pids {
		n, p, err := resident(pid)
		if err != nil {
			return 0, 0, c.explain(err)
		}
		now, peak = now+n, peak+p
	}
	return now, peak, nil
}

// explain prefers the reason why a process ended.
func (c *contender) explain(err error) error {
	if gone := c.proc.alive(); gone != nil {
		return gone
	}
	return err
}

// Settling: the contender's CPU time grows by less than settledWork in
// settleStep, or settleLimit is over.
const (
	settleStep  = 25 * time.Millisecond
	settledWork = 300 * time.Microsecond
	settleLimit = 3 * time.Second
)

// storeWait is a little more than the time after which a sidecar writes results to
// its store.
const storeWait = 1100 * time.Millisecond

// settle waits until the contender has finished the work that the load left behind:
// in-flight shadow requests, queued comparisons, closing connections.
func (c *contender) settle(ctx context.Context) error {
	tick := time.NewTicker(settleStep)
	defer tick.Stop()
	limit := time.Now().Add(settleLimit)
	last, err := c.cpu()
	if err != nil {
		return err
	}
	for time.Now().Before(limit) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		now, err := c.cpu()
		if err != nil {
			return err
		}
		if now-last < settledWork {
			return nil
		}
		last = now
	}
	return nil
}

// settleAll is settle, and also waits for delayed writes to the store, so that they
// are charged to the load that caused them.
func (c *contender) settleAll(ctx context.Context) error {
	if c.kind == cutoverFull {
		late := time.NewTimer(storeWait)
		defer late.Stop()
		select {
		case <-late.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return c.settle(ctx)
}

// requestCount asks an upstream how many requests it has received.
func requestCount(ctx context.Context, upstream string) (int64, error) {
	body, err := get(ctx, "http://"+upstream+countPath)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(body), 10, 64)
}

// mirrorOutcomes asks a sidecar how its mirrored requests ended: both,
// dropped: concurrency, ...
func (c *contender) mirrorOutcomes(ctx context.Context) (map[string]int64, error) {
	body, err := get(ctx, "http://"+c.proc.admin+"/metrics")
	if err != nil {
		return nil, err
	}
	outcomes := map[string]int64{}
	for lines := bufio.NewScanner(strings.NewReader(body)); lines.Scan(); {
		metric, value, _ := strings.Cut(lines.Text(), " ")
		if i := strings.LastIndexByte(lines.Text(), '}'); i > 0 { // labels may contain spaces
			metric, value = lines.Text()[:i], strings.TrimSpace(lines.Text()[i+1:])
		}
		name := outcomeName(metric)
		if name == "" {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("metrics of %s: %w", c.title(), err)
		}
		if n > 0 {
			outcomes[name] += int64(n)
		}
	}
	return outcomes, nil
}

// inFlight names the shadow requests that have not ended: a gauge, not a counter.
const inFlight = "in flight"

// outcomeName is the outcome that a metric counts, "" for other metrics.
func outcomeName(metric string) string {
	if metric == "cutover_mirror_in_flight" {
		return inFlight
	}
	labels, ok := strings.CutPrefix(metric, "cutover_mirror_outcomes_total{")
	if !ok {
		return ""
	}
	if why := label(labels, "why"); why != "" {
		return label(labels, "outcome") + ": " + why
	}
	return label(labels, "outcome")
}

// label is a label's value. Values of these metrics need no escaping.
func label(labels, name string) string {
	_, after, _ := strings.Cut(labels, name+`="`)
	value, _, _ := strings.Cut(after, `"`)
	return value
}

func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", url, resp.Status)
	}
	return string(body), err
}
