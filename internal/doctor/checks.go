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

// alive queries the /healthz of a running sidecar.
func (d *Doctor) alive(ctx context.Context) Finding {
	f := Finding{Check: "sidecar", Status: Failed}
	status, _, err := d.askSidecar(ctx, "/healthz")
	switch {
	case err != nil:
		f.Detail = fmt.Sprintf("no sidecar responds at %s: %s", d.adminURL(), dialFault(err))
		f.Advice = "start one with `cutover serve`, or set its admin address with --admin-listen"
	case status != http.StatusOK:
		f.Detail = fmt.Sprintf("%s/healthz returns %d", d.adminURL(), status)
	default:
		f.Status, f.Detail = OK, "alive at "+d.adminURL()
	}
	return f
}

// sidecar checks the running sidecar, or whether one could start.
func (d *Doctor) sidecar(ctx context.Context) Finding {
	f := Finding{Check: "sidecar", Status: OK}
	status, _, err := d.askSidecar(ctx, "/healthz")
	if err != nil || status != http.StatusOK {
		return d.portsFree(ctx, f)
	}
	ready, body, err := d.askSidecar(ctx, "/readyz")
	if err != nil {
		f.Status, f.Detail = Failed, d.adminURL()+" is alive, but /readyz does not respond: "+dialFault(err)
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
		f.Detail += fmt.Sprintf(", but its /readyz (status %d) is not that of a sidecar", ready)
		f.Advice = "check that --admin-listen is the admin address of a sidecar, not of another program"
		return f
	}
	switch {
	case says.Draining:
		f.Status = Note
		f.Detail += ", draining: it is shutting down"
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
		f.Advice = "the last good flags are in force: " + says.Flags.Reason
	}
	return f
}

// flagValues lists the flags in force at a running sidecar; "" if they can't be
// read.
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
			f.Detail = fmt.Sprintf("not running, and can't listen on %s (%s): %s", l.addr, l.key, dialFault(err))
			f.Advice = "stop the program that uses the address, or choose another one with --" + strings.ReplaceAll(l.key, ".", "-")
			return f
		}
		_ = listener.Close()
	}
	f.Detail = "not running; " + d.conf.Listen + " and " + d.conf.Admin.Listen + " are free"
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
		return "this machine does not have this address"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return "no response in time"
	case errors.As(err, &dns):
		return "the name " + dns.Name + " can't be resolved"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	return "the connection broke"
}

// redis reads the flags like a sidecar.
func (d *Doctor) redis(ctx context.Context) Finding {
	f := Finding{Check: "redis", Status: Failed}
	where := d.conf.Store.Redis.String()
	store, err := flags.OpenRedisStore(*sidecar.RedisOptions(&d.conf.Store))
	if err != nil {
		f.Detail = where + ": not a valid Redis URL"
		f.Advice = "see the configuration check"
		return f
	}
	defer func() { _ = store.Close() }()
	fields, err := store.Fields(ctx)
	if err != nil {
		f.Detail = where + ": " + strings.ReplaceAll(err.Error(), "\n", " ")
		f.Advice = "check that Redis is running, that this machine can reach it (rediss for TLS), and that the user may log in"
		return f
	}
	f.Status = OK
	f.Detail = fmt.Sprintf("%s responds: %d flags set, version %d", where, len(fields.Values), fields.Version)
	return f
}

// dataDirectory checks whether the data directory is writable or can be created.
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
		f.Detail = at + " is not a directory"
		f.Advice = "choose another one with --data"
		return f
	}
	probe, err := os.CreateTemp(at, ".cutover-doctor-*")
	if err != nil {
		f.Detail = fmt.Sprintf("%s is not writable: %v", at, wording.WithoutPath(err))
		f.Advice = "give this user write permission, or choose another directory with --data"
		return f
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		f.Detail = fmt.Sprintf("%s: can't remove a file created there: %v", at, wording.WithoutPath(err))
		return f
	}
	f.Status, f.Detail = OK, dir+" is writable"
	if at != dir {
		f.Detail = dir + " will be created"
	}
	return f
}
