// Package doctor checks everything that serve needs: the configuration, both
// providers, Redis, the data directory and a running sidecar.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"cutover/exchange"
	"cutover/internal/config"
	"cutover/internal/sidecar"
)

// Status is the outcome of a check.
type Status string

// The statuses. Only failed makes the doctor fail.
const (
	OK     Status = "ok"
	Note   Status = "note" // works, but worth knowing
	Failed Status = "failed"
)

// Finding is the outcome of one check.
type Finding struct {
	Check  string  `json:"check"`
	Status Status  `json:"status"`
	Detail string  `json:"detail"`
	Advice string  `json:"advice,omitempty"` // what to do
	TookMS float64 `json:"took_ms"`          // milliseconds
}

// Diagnosis is everything that the doctor found.
type Diagnosis struct {
	OK       bool      `json:"ok"`
	Findings []Finding `json:"findings"`
}

// Doctor runs checks against one configuration.
type Doctor struct {
	conf    *config.Loaded
	timeout time.Duration // for each check
}

// New returns a Doctor for a configuration, which may be invalid. The timeout is for
// each check.
func New(conf *config.Loaded, timeout time.Duration) *Doctor {
	return &Doctor{conf: conf, timeout: timeout}
}

// Alive checks only whether a running sidecar is alive.
func (d *Doctor) Alive(ctx context.Context) Diagnosis { return d.run(ctx, d.alive) }

// Examine runs every check that the configuration allows.
func (d *Doctor) Examine(ctx context.Context, configErr error) Diagnosis {
	checks := []check{func(context.Context) Finding { return configurationFinding(configErr) }}
	var wrong *config.Error
	if errors.As(configErr, &wrong) && wrong.Unread() {
		return d.run(ctx, checks...) // the other checks would only check defaults
	}
	for _, arm := range []exchange.Arm{exchange.Primary, exchange.Relay} {
		if c := sidecar.UpstreamConfig(&d.conf.Config, arm); c.BaseURL != "" && config.CheckBaseURL(c.BaseURL) == "" {
			checks = append(checks, func(ctx context.Context) Finding { return d.upstream(ctx, arm) })
		}
	}
	if r := d.conf.Store.Redis.Reveal(); r != "" && config.CheckRedisURL(r) == nil {
		checks = append(checks, d.redis)
	}
	checks = append(checks, d.dataDirectory, d.sidecar)
	return d.run(ctx, checks...)
}

// check checks one thing.
type check func(context.Context) Finding

// run runs the checks concurrently and keeps their order.
func (d *Doctor) run(ctx context.Context, checks ...check) Diagnosis {
	found := Diagnosis{OK: true, Findings: make([]Finding, len(checks))}
	var all sync.WaitGroup
	for i, c := range checks {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			begun := time.Now()
			f := c(ctx)
			f.TookMS = float64(time.Since(begun).Microseconds()) / 1000
			found.Findings[i] = f
		})
	}
	all.Wait()
	for _, f := range found.Findings {
		found.OK = found.OK && f.Status != Failed
	}
	return found
}

// WriteText writes the findings as text.
func (d Diagnosis) WriteText(w io.Writer) error {
	const indent = "                       " // below the details
	for _, f := range d.Findings {
		if _, err := fmt.Fprintf(w, "%-7s %-14s %s\n", f.Status, f.Check, strings.ReplaceAll(f.Detail, "\n", "\n"+indent)); err != nil {
			return err
		}
		if f.Advice != "" {
			if _, err := fmt.Fprintf(w, "%s-> %s\n", indent, f.Advice); err != nil {
				return err
			}
		}
	}
	return nil
}

// configurationFinding reports the errors from loading the configuration.
func configurationFinding(err error) Finding {
	if err == nil {
		return Finding{Check: "configuration", Status: OK, Detail: "complete and valid"}
	}
	return Finding{
		Check:  "configuration",
		Status: Failed,
		Detail: err.Error(),
		Advice: "docs/configuration.md lists the keys; `cutover serve --print-config` shows where each value comes from",
	}
}

// dialable turns a listen address into one that can be dialed: the unspecified
// address becomes loopback.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}
