package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func newFamily(t *testing.T) *family {
	t.Helper()
	f := &family{dir: t.TempDir()}
	t.Cleanup(f.stop)
	return f
}

func TestChildSaysWhereItListens(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := newFamily(t)
	p, err := f.start(t.Context(), command{name: "a relay", path: self, env: []string{roleVariable + "=" + roleRelay}}, listening)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := requestCount(t.Context(), p.listen); err != nil || n != 0 {
		t.Errorf("the child at %q does not respond: %d, %v", p.listen, n, err)
	}
	c := &contender{kind: plain, addr: p.listen, proc: p, pids: []int{p.cmd.Process.Pid}}
	before, err := c.cpu()
	if err != nil {
		t.Fatal(err)
	}
	post(t, p.listen, streamModel(50, 0), 20)
	after, err := c.cpu()
	if err != nil {
		t.Fatal(err)
	}
	if after <= before {
		t.Errorf("20 streams took no CPU time: %s before, %s after", before, after)
	}
	now, peak, err := c.memory()
	if err != nil || now < mib || peak < now {
		t.Errorf("memory is %d now, %d at most (%v)", now, peak, err)
	}
	f.stop()
	if _, err := c.cpu(); err == nil || !strings.Contains(err.Error(), "ended unexpectedly") {
		t.Errorf("the CPU time of a stopped child: %v", err)
	}
}

func TestChildThatDoesNotStart(t *testing.T) {
	f := newFamily(t)
	_, err := f.start(t.Context(), command{name: "loud", path: "/bin/sh", args: []string{"-c", "echo no such luck >&2; exit 3"}}, listening)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("got %v, want the exit status and the child's output", err)
	}
}

func TestChildrenGetNoneOfCutoversSettings(t *testing.T) {
	t.Setenv("CUTOVER_LISTEN", "127.0.0.1:1")
	t.Setenv("RELAY_API_KEY", "secret")
	for _, line := range childEnvironment() {
		if strings.HasPrefix(line, "CUTOVER_") || strings.HasPrefix(line, "RELAY_API_KEY") {
			t.Errorf("children would get %s", line)
		}
	}
}

// A child that ignores SIGTERM is killed with its own children.
func TestStopEndsTheWholeGroup(t *testing.T) {
	f := newFamily(t)
	f.grace = 50 * time.Millisecond
	var pids []int
	p, err := f.start(
		t.Context(),
		command{
			name: "stubborn",
			path: "/bin/sh",
			args: []string{"-c", "trap '' TERM; sh -c 'while :; do sleep 1; done' & while :; do sleep 1; done"},
		},
		func(p *process) bool {
			var err error
			pids, err = familyOf(p.cmd.Process.Pid)
			return err == nil && len(pids) > 2
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	until(t, "the whole group has ended", func() bool {
		for _, pid := range pids {
			if running(pid) {
				return false
			}
		}
		return true
	})
}

// running reports whether a process exists and has not ended; an ended one may stay
// as a zombie.
func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[0] != 'Z' && rest[0] != 'X'
}

// until waits for a condition.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("timed out waiting until %s", what)
		}
	}
}

func TestOpenFilesAreEnough(t *testing.T) {
	limit, err := openFiles()
	if err != nil {
		t.Fatal(err)
	}
	opt := options{only: []string{measureMemory}, streams: int(limit)}
	if err := checkOpenFiles(opt); err == nil || !strings.Contains(err.Error(), "ulimit") {
		t.Errorf("%d streams with %d files: got %v", opt.streams, limit, err)
	}
	opt.only = []string{measureCuts}
	if err := checkOpenFiles(opt); err != nil {
		t.Errorf("no streams are open, but got: %v", err)
	}
}
