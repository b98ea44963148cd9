package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// family is all child processes. They write their logs to files in one directory.
type family struct {
	dir   string
	grace time.Duration // between SIGTERM and SIGKILL; 0: stopLimit

	mu       sync.Mutex
	children []*process
}

// process is a started child.
type process struct {
	name string
	cmd  *exec.Cmd
	log  string        // file with its output
	done chan struct{} // closed when it has ended
	err  error         // how it ended; read after done

	listen, admin string // host:port, once it has logged them
	grace         time.Duration
	stopping      sync.Once
}

// command describes a child process.
type command struct {
	name string
	path string
	args []string
	env  []string // in addition to this process's own without cutover's settings
}

// Timeouts for children.
const (
	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
	pollEvery  = 10 * time.Millisecond
)

// start starts a child and waits until it is ready.
func (f *family) start(ctx context.Context, c command, ready func(*process) bool) (*process, error) {
	f.mu.Lock()
	number := len(f.children)
	f.mu.Unlock()
	logPath := filepath.Join(f.dir, fmt.Sprintf("%02d-%s.log", number, strings.ReplaceAll(c.name, " ", "-")))
	out, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	defer out.Close()
	p := &process{name: c.name, log: logPath, done: make(chan struct{}), grace: cmp.Or(f.grace, stopLimit)}
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Env = append(childEnvironment(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Dir = f.dir
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	go func() { // ends with the child, which stop waits for
		defer close(p.done)
		p.err = p.cmd.Wait()
	}()
	f.mu.Lock()
	f.children = append(f.children, p)
	f.mu.Unlock()
	if err := p.await(ctx, ready); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// childEnvironment is this process's environment without what would change how
// cutover runs.
func childEnvironment() []string {
	var env []string
	for _, line := range os.Environ() {
		if !strings.HasPrefix(line, "CUTOVER_") && !strings.HasPrefix(line, "RELAY_API_KEY=") &&
			!strings.HasPrefix(line, roleVariable+"=") {
			env = append(env, line)
		}
	}
	return env
}

// await polls until the child is ready or has ended, or the time is up.
func (p *process) await(ctx context.Context, ready func(*process) bool) error {
	limit := time.NewTimer(startLimit)
	defer limit.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for !ready(p) {
		select {
		case <-tick.C:
		case <-p.done:
			return p.ended()
		case <-limit.C:
			return fmt.Errorf("%s was not ready after %s; its log ends:\n%s", p.name, startLimit, p.tail())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// listening is ready when the child has logged its addresses.
func listening(p *process) bool {
	file, err := os.Open(p.log)
	if err != nil {
		return false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var said struct{ Listen, Admin string }
		if json.Unmarshal(lines.Bytes(), &said) == nil && said.Listen != "" {
			p.listen = strings.TrimPrefix(said.Listen, "http://")
			p.admin = strings.TrimPrefix(said.Admin, "http://")
			return true
		}
	}
	return false
}

// alive is nil while the child runs.
func (p *process) alive() error {
	select {
	case <-p.done:
		return p.ended()
	default:
		return nil
	}
}

// ended describes the end of a child that should still be running.
func (p *process) ended() error {
	how := errors.New("exit status 0")
	if p.err != nil {
		how = p.err
	}
	return fmt.Errorf("%s ended unexpectedly: %w; its log ends:\n%s", p.name, how, p.tail())
}

// tail is the end of the child's log.
func (p *process) tail() string {
	const most = 2000
	all, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	if len(all) > most {
		all = all[len(all)-most:]
	}
	return string(bytes.TrimSpace(all))
}

// stop stops the child and everything that it has started, and waits.
func (p *process) stop() { p.stopping.Do(p.end) }

func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	limit := time.NewTimer(p.grace)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
	}
	killGroup(p.cmd.Process.Pid)
	<-p.done
}

// stop stops all children concurrently.
func (f *family) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	var wait sync.WaitGroup
	for _, p := range f.children {
		wait.Go(p.stop)
	}
	wait.Wait()
	f.children = nil
}
