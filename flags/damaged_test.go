package flags_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
)

// degradedParts collects what Options.Degraded is told.
type degradedParts struct {
	mu    sync.Mutex
	parts map[string]string
}

func (d *degradedParts) told(part, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.parts == nil {
		d.parts = map[string]string{}
	}
	d.parts[part] = reason
}

// of is why a part is degraded.
func (d *degradedParts) of(part string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.parts[part]
}

// everything sends all callers to the relay, if the configuration alone decides.
var everything = flags.Values{RelayPercentage: ptr(100.0), ShadowPercentage: ptr(100.0), PrimaryProvider: ptr("relay")}

// relayGets reports whether the relay would get anything at all.
func relayGets(s *flags.Set) bool {
	d := s.Decide(flags.Attributes{TargetingKey: "a"})
	return d.ServeRelay || d.Shadow || d.ReferenceRelay
}

func TestADamagedFlagsFileOfTheDataDirectoryIsSetAside(t *testing.T) {
	for name, broken := range map[string]string{
		"no YAML":     "relay-percentage: [5\n\xff{{",
		"zeros":       strings.Repeat("\x00", 4096),
		"no mapping":  "- a\n",
		"half a file": `{"relay-percentage": 10`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			o := flags.Options{DataDir: dir, Initial: everything, Logger: zerolog.Nop()}
			s := open2(t, o)
			if _, err := s.Store().Write(context.Background(), set("relay-enabled", "false")); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "flags.yaml")
			write(t, path, broken)
			parts := &degradedParts{}
			o.Degraded = parts.told
			again := start(t, o)
			if relayGets(again) {
				t.Error("the kill switch was lost with the file")
			}
			aside, err := filepath.Glob(path + ".damaged-20*")
			if err != nil || len(aside) != 1 || !strings.Contains(parts.of("flags"), filepath.Base(aside[0])) {
				t.Fatalf("set aside: %v, %v; told %q", aside, err, parts.of("flags"))
			}
			if kept, err := os.ReadFile(aside[0]); err != nil || string(kept) != broken {
				t.Errorf("the file that was set aside holds %q, %v", kept, err)
			}
			within(t, 3*time.Second, "two polls later the kill switch holds", func() bool { return time.Since(again.State().ReadAt) < second })
			if relayGets(again) || again.State().Status != flags.Ready {
				t.Errorf("after a poll the relay gets something, or %+v", again.State())
			}
			if _, err := again.Store().Write(context.Background(), set("relay-enabled", "true")); err != nil || !relayGets(again) {
				t.Errorf("the flags can't be set any more: %v", err)
			}
		})
	}
}

// Without a last good value, nothing goes to the relay.
func TestWithoutLastGoodFlagsThePrimaryServesAlone(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "flags.yaml"), "{{{")
	if err := os.Mkdir(filepath.Join(dir, "flags-audit.jsonl"), 0o700); err != nil {
		t.Fatal(err)
	}
	parts := &degradedParts{}
	s := start(t, flags.Options{DataDir: dir, Initial: everything, Degraded: parts.told, Logger: zerolog.Nop()})
	if relayGets(s) {
		t.Error("the relay gets something")
	}
	if !strings.Contains(parts.of("flags"), "nothing goes to the relay") || !strings.Contains(parts.of("audit"), ".damaged-20") {
		t.Errorf("told %q and %q", parts.of("flags"), parts.of("audit"))
	}
	if aside, _ := filepath.Glob(filepath.Join(dir, "flags-audit.jsonl.damaged-20*")); len(aside) != 1 {
		t.Errorf("set aside: %v", aside)
	}
}

// The operator's own file is left alone, and used when it can be read.
func TestADamagedFlagsFileOfTheOperatorIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flags.yaml")
	write(t, path, "relay-percentage: [")
	parts := &degradedParts{}
	s := start(t, flags.Options{File: path, Initial: everything, Degraded: parts.told, Logger: zerolog.Nop()})
	if st := s.State(); relayGets(s) || st.Status != flags.Stale || st.Code != "file" || parts.of("flags") == "" {
		t.Errorf("the relay gets something, or %+v, or %q", st, parts.of("flags"))
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "relay-percentage: [" {
		t.Errorf("the file holds %q, %v", text, err)
	}
	write(t, path, "relay-percentage: 100\n")
	within(t, 3*second, "the repaired file is in force", func() bool { return relayGets(s) && s.State().Status == flags.Ready })
}

func TestABadValueAtTheStartDoesNotOpenTheRelay(t *testing.T) {
	for name, text := range map[string]string{
		"kill switch":  "relay-enabled: flase\n",
		"percentages":  "relay-percentage: 120\nshadow-percentage: x\nprimary-provider: both\n",
		"shared rules": "$evaluators: {a: [}\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flags.yaml")
			write(t, path, text)
			s := start(t, flags.Options{File: path, Initial: everything, Logger: zerolog.Nop()})
			if st := s.State(); relayGets(s) || st.Status != flags.Stale {
				t.Errorf("the relay gets something, or %+v", st)
			}
		})
	}
	t.Run("the last good value", func(t *testing.T) {
		dir := t.TempDir()
		o := flags.Options{DataDir: dir, Logger: zerolog.Nop()}
		if _, err := open2(t, o).Store().Write(context.Background(), set("relay-percentage", "100")); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "flags.yaml"), "relay-percentage: 1000\n")
		if s := start(t, o); !serves(s) || s.State().Code != "bad_field" {
			t.Errorf("the last good value is not in force, or %+v", s.State())
		}
	})
}

func TestAnAuditWithDamagedLinesIsSetAside(t *testing.T) {
	dir := t.TempDir()
	o := flags.Options{DataDir: dir, Logger: zerolog.Nop()}
	for _, v := range []string{"1", "2", "3"} {
		if _, err := open2(t, o).Store().Write(context.Background(), set("relay-percentage", v)); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "flags-audit.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	write(t, path, lines[0]+"\x00\x00\x00\n"+lines[2])
	parts := &degradedParts{}
	o.Degraded = parts.told
	history, err := open2(t, o).Store().History(context.Background(), "", 10)
	if err != nil || len(history) != 2 {
		t.Errorf("History = %+v, %v; want the two entries that can be read", history, err)
	}
	if !strings.Contains(parts.of("audit"), ".damaged-20") {
		t.Errorf("told %q and %q", parts.of("flags"), parts.of("audit"))
	}
	parts.told("audit", "")
	open2(t, o)
	if parts.of("audit") != "" {
		t.Errorf("the next start is told %q", parts.of("audit"))
	}
}

// A directory that can't be made stops nobody.
func TestADataDirectoryThatCantBeMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	write(t, dir, "a file")
	parts := &degradedParts{}
	s := start(t, flags.Options{DataDir: dir, Initial: everything, Degraded: parts.told, Logger: zerolog.Nop()})
	if relayGets(s) || parts.of("flags") == "" {
		t.Errorf("the relay gets something, or nobody was told: %q", parts.of("flags"))
	}
}
