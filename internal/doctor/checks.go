package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"cutover/flags"
	"cutover/internal/sidecar"
	"cutover/internal/wording"
)

// alive asks a running sidecar's /healthz.
func (d *Doctor) alive(ctx context.Context) Finding {
	f := Finding{Check: "sidecar", Status: Failed}
	status, _, err := d.askSidecar(ctx, "/healthz")
	switch {
	case err != nil:
		f.Detail = fmt.Sprintf("nothing answers at %s: %s", d.adminURL(), dialFault(err))
		f.Advice = "start one with `cutover serve`, or name its admin address by --admin-listen"
	case status != http.StatusOK:
		f.Detail = fmt.Sprintf("%s/healthz answers %d", d.adminURL(), status)
	default:
		f.Status, f.Detail = OK, "alive at "+d.adminURL()
	}
	return f
}

// sidecar looks at the one that runs, or at whether one could start.
func (d *Doctor) sidecar(ctx context.Context) Finding {
	f := Finding{Check: "sidecar", Status: OK}
	status, _, err := d.askSidecar(ctx, "/healthz")
	if err != nil || status != http.StatusOK {
		return d.portsFree(ctx, f)
	}
	ready, body, err := d.askSidecar(ctx, "/readyz")
	if err != nil {
		f.Status, f.Detail = Failed, d.adminURL()+" is alive, but /readyz does not answer: "+dialFault(err)
		return f
	}
	f.Detail = "running at " + d.adminURL()
	var says struct {
		Ready    bool `json:"ready"`
		Draining bool `json:"draining"`
		Flags    struct {
			Status string `json:"status"`
			Reason string `json:"reason"`
			Source string `json:"source"`
		} `json:"flags"`
	}
	if err := json.Unmarshal(body, &says); err != nil {
		f.Status = Failed
		f.Detail += fmt.Sprintf(", but /readyz answers %d like no sidecar", ready)
		f.Advice = "is --admin-listen the admin address of a sidecar, and not another program's?"
		return f
	}
	switch {
	case says.Draining:
		f.Status = Note
		f.Detail += ", draining: it is being stopped"
	case !says.Ready:
		f.Status = Note
		f.Detail += ", not ready"
	default:
		f.Detail += ", ready"
	}
	f.Detail += fmt.Sprintf("; flags %s, from %s", says.Flags.Status, says.Flags.Source)
	f.Detail += d.flagValues(ctx)
	if says.Flags.Reason != "" {
		f.Status = Note
		f.Advice = "the last good flags rule: " + says.Flags.Reason
	}
	return f
}

// flagValues words the flags in force at a running sidecar; "" when it does
// not tell.
func (d *Doctor) flagValues(ctx context.Context) string {
	status, body, err := d.askSidecar(ctx, "/api/v1/flags")
	if err != nil || status != http.StatusOK {
		return ""
	}
	var says struct {
		Flags []struct {
			Key   string `json:"key"`
			Value string `json:"value"`
			Rule  bool   `json:"rule"`
		} `json:"flags"`
	}
	if err := json.Unmarshal(body, &says); err != nil {
		return ""
	}
	var b strings.Builder
	for _, f := range says.Flags {
		if f.Rule {
			f.Value = "by rule"
		}
		fmt.Fprintf(&b, "\n%s: %s", f.Key, f.Value)
	}
	return b.String()
}

// portsFree reports whether both listeners could be opened.
func (d *Doctor) portsFree(ctx context.Context, f Finding) Finding {
	for _, l := range []struct{ key, addr string }{{"listen", d.conf.Listen}, {"admin.listen", d.conf.Admin.Listen}} {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", l.addr)
		if err != nil {
			f.Status = Failed
			f.Detail = fmt.Sprintf("none is running, and %s (%s) can't be opened: %s", l.addr, l.key, dialFault(err))
			f.Advice = "stop what listens there, or choose another address with --" + strings.ReplaceAll(l.key, ".", "-")
			return f
		}
		_ = listener.Close()
	}
	f.Detail = "none is running; " + d.conf.Listen + " and " + d.conf.Admin.Listen + " are free"
	return f
}

// adminURL is the base of a running sidecar's admin API.
func (d *Doctor) adminURL() string { return "http://" + dialable(d.conf.Admin.Listen) }

// askSidecar makes one call to the admin API.
func (d *Doctor) askSidecar(ctx context.Context, path string) (status int, body []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.adminURL()+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("admin.listen: %w", err)
	}
	if token := d.conf.Admin.Token.Reveal(); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// No proxy and no pool: this is a call to this machine, and the last one.
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(req)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer.StatusCode, body, err
}

// dialFault words a failed connection in a few words.
func dialFault(err error) string {
	var dns *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EADDRINUSE):
		return "the address is in use"
	case errors.Is(err, syscall.EACCES):
		return "permission denied"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return "this machine has no such address"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "the name " + dns.Name + " can't be resolved"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return "the connection broke"
}

// redis reads the flags, as a sidecar would.
func (d *Doctor) redis(ctx context.Context) Finding {
	f := Finding{Check: "redis", Status: Failed}
	where := d.conf.Store.Redis.String()
	store, err := flags.OpenRedisStore(*sidecar.RedisOptions(&d.conf.Store))
	if err != nil {
		f.Detail = where + ": not understood"
		f.Advice = "see the finding about the configuration"
		return f
	}
	defer func() { _ = store.Close() }()
	fields, err := store.Fields(ctx)
	if err != nil {
		f.Detail = where + ": " + strings.ReplaceAll(err.Error(), "\n", " ")
		f.Advice = "is Redis there, reachable from this machine (rediss for TLS), and does it let this user in?"
		return f
	}
	f.Status = OK
	f.Detail = fmt.Sprintf("%s answers: %d flags set, version %d", where, len(fields.Values), fields.Version)
	return f
}

// dataDirectory reports whether the data directory can be written, or made.
func (d *Doctor) dataDirectory(context.Context) Finding {
	f := Finding{Check: "data directory", Status: Failed}
	dir, err := filepath.Abs(d.conf.Store.Dir)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	at := dir
	info, err := os.Stat(at)
	for errors.Is(err, os.ErrNotExist) && at != filepath.Dir(at) {
		at = filepath.Dir(at)
		info, err = os.Stat(at)
	}
	switch {
	case err != nil:
		f.Detail = fmt.Sprintf("%s: %v", at, wording.WithoutPath(err))
		return f
	case !info.IsDir():
		f.Detail = at + " is no directory"
		f.Advice = "name another one with --data"
		return f
	}
	probe, err := os.CreateTemp(at, ".cutover-doctor-*")
	if err != nil {
		f.Detail = fmt.Sprintf("%s can't be written: %v", at, wording.WithoutPath(err))
		f.Advice = "give this user write permission there, or name another directory with --data"
		return f
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		f.Detail = fmt.Sprintf("%s: a file made there can't be removed: %v", at, wording.WithoutPath(err))
		return f
	}
	f.Status, f.Detail = OK, dir+" can be written"
	if at != dir {
		f.Detail = dir + " will be made"
	}
	return f
}
