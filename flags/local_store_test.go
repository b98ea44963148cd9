package flags_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"cutover/flags"
)

const second = time.Second

func TestFileIsWatchedInEveryForm(t *testing.T) {
	for name, form := range map[string]struct{ off, on string }{
		"plain YAML": {"relay-percentage: 0 # for now\n", "relay-percentage: 100\n"},
		"plain JSON": {`{"relay-percentage": 0}`, `{"relay-percentage": 100}`},
		"flagd JSON": {
			`{"flags":{"relay-percentage":{"state":"ENABLED","variants":{"none":0,"all":100},"defaultVariant":"none"}}}`,
			`{"flags":{"relay-percentage":{"state":"ENABLED","variants":{"none":0,"all":100},"defaultVariant":"all"}}}`,
		},
		"flagd YAML": {
			"flags:\n  relay-percentage: {state: ENABLED, variants: {none: 0, all: 100}, defaultVariant: none}\n",
			"flags:\n  relay-percentage: {state: ENABLED, variants: {none: 0, all: 100}, defaultVariant: all}\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flags.yaml")
			write(t, path, form.off)
			s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
			if serves(s) {
				t.Fatal("the relay serves at 0 %")
			}
			write(t, path, form.on)
			within(t, 2*second, "the edit is in force", func() bool { return serves(s) })
		})
	}
}

func TestFileReplacedByRename(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flags.yaml")
	write(t, path, "relay-percentage: 0\n")
	s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
	write(t, filepath.Join(dir, "new"), "relay-percentage: 100\n")
	if err := os.Rename(filepath.Join(dir, "new"), path); err != nil {
		t.Fatal(err)
	}
	within(t, 2*second, "the replaced file is in force", func() bool { return serves(s) })
}

func TestBrokenFileKeepsTheLastGoodValuesAndHeals(t *testing.T) {
	for name, broken := range map[string]string{
		"half-written JSON": `{"relay-percentage": 10`,
		"emptied":           "",
		"not a mapping":     "- relay-percentage\n",
		"key twice":         "relay-percentage: 1\nrelay-percentage: 2\n",
		"removed":           "REMOVE",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "flags.yaml")
			write(t, path, "relay-percentage: 100\n")
			log := newLog()
			s := start(t, flags.Options{File: path, Logger: log.logger()})
			if broken == "REMOVE" {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				write(t, path, broken)
			}
			within(t, 2*second, "STALE", stale(s, "file"))
			if !serves(s) {
				t.Error("a broken file took the last good value away")
			}
			write(t, path, "relay-percentage: 0\n")
			within(t, 2*second, "READY with the new value", func() bool { return ready(s)() && !serves(s) })
			warnings := 0
			for _, line := range log.drain() {
				if strings.Contains(line, "STALE") {
					warnings++
				}
			}
			if warnings != 1 {
				t.Errorf("the fault was logged %d times, want once", warnings)
			}
		})
	}
}

func TestBadFieldInFileSparesTheOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.yaml")
	write(t, path, "relay-percentage: 100\nshadow-percentage: 0\n")
	s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
	write(t, path, "relay-percentage: 400\nshadow-percentage: 100\n")
	within(t, 2*second, "the good field is in force", func() bool { return shadows(s) })
	if !serves(s) {
		t.Error("the bad field lost its last good value")
	}
	if st := s.State(); st.Status != flags.Stale || st.Code != "bad_field" || !strings.Contains(st.Reason, "relay-percentage") {
		t.Errorf("State = %+v, want STALE with bad_field naming relay-percentage", st)
	}
}

func TestOpenRefusesWhatAnOperatorMustCorrect(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		o    flags.Options
		want string
	}{
		"percentage out of range": {flags.Options{Initial: flags.Values{RelayPercentage: ptr(120.0)}}, "relay-percentage: 120 is out of range"},
		"unknown provider":        {flags.Options{Initial: flags.Values{PrimaryProvider: ptr("both")}}, "primary-provider"},
		"missing file":            {flags.Options{File: filepath.Join(dir, "none.yaml")}, "none.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := flags.Open(context.Background(), c.o)
			if err == nil {
				t.Fatalf("Open succeeded: %+v", s.State())
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open: %q, want it to contain %q", err, c.want)
			}
		})
	}
}

func TestLocalWriteIsDurableAuditedAndInForce(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	s := start(t, flags.Options{DataDir: dir, Logger: zerolog.Nop()})
	entries, err := s.Store().Write(ctx, set("relay-percentage", "100"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("Write = %+v, %v", entries, err)
	}
	if !serves(s) {
		t.Error("the flip is not in force when Write returns")
	}
	again := open2(t, flags.Options{DataDir: dir, Logger: zerolog.Nop()})
	if !serves(again) {
		t.Error("the flip did not survive a restart")
	}
	history, err := again.Store().History(ctx, "", 10)
	if err != nil || len(history) != 1 || history[0].Who != "tester@here" || history[0].Why != "test" ||
		*history[0].New != "100" || history[0].Old != nil || history[0].Version != 1 {
		t.Errorf("History after a restart = %+v, %v", history, err)
	}
}

func open2(t *testing.T, o flags.Options) *flags.Set {
	t.Helper()
	s, err := flags.Open(context.Background(), o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	return s
}

func TestLocalEditByHandIsNoticedAndUndone(t *testing.T) {
	dir := t.TempDir()
	ctx := context.Background()
	s := start(t, flags.Options{DataDir: dir, Logger: zerolog.Nop()})
	if _, err := s.Store().Write(ctx, set("relay-percentage", "5")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "flags.yaml"), "relay-percentage: 100\n")
	within(t, 2*second, "the edit is in force", func() bool { return serves(s) })
	history, err := s.Store().History(ctx, "relay-percentage", 10)
	if err != nil || len(history) != 2 || !history[0].Unaudited || *history[0].Old != "5" || *history[0].New != "100" {
		t.Fatalf("History = %+v, %v: want the edit, marked unaudited", history, err)
	}
	if _, err := flags.Undo(ctx, s.Store(), "tester@here", ""); err != nil {
		t.Fatalf("Undo: %v", err)
	}
	if serves(s) {
		t.Error("the edit is still in force after undo")
	}
	if _, err := flags.Undo(ctx, s.Store(), "tester@here", ""); err != nil {
		t.Fatalf("second Undo: %v", err)
	}
	fields, err := s.Store().Fields(ctx)
	if err != nil || len(fields.Values) != 0 {
		t.Errorf("Fields after two undos = %+v, %v: want none", fields, err)
	}
	if _, err := flags.Undo(ctx, s.Store(), "tester@here", ""); !errors.Is(err, flags.ErrNothingToUndo) {
		t.Errorf("third Undo: %v, want ErrNothingToUndo", err)
	}
}

// A definition comes back from the file with its keys in another order, which is no
// edit by hand: there is one change, and one to undo.
func TestLocalDefinitionIsNoEditByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.yaml")
	write(t, path, "noise-percentage: 3\n")
	s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
	ctx := t.Context()
	definition := `{"state":"ENABLED","variants":{"few":1,"many":2.50},"defaultVariant":"few"}`
	flip := flags.Flip{Who: "ann", Changes: []flags.Change{{Key: flags.KeyNoisePercentage, Value: &definition}}}
	if entries, err := s.Store().Write(ctx, flip); err != nil || len(entries) != 1 {
		t.Fatalf("Write: %+v, %v", entries, err)
	}
	if _, err := flags.Undo(ctx, s.Store(), "ann", ""); err != nil {
		t.Fatal(err)
	}
	history, err := s.Store().History(ctx, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range history[:2] {
		if e.Unaudited || e.Who != "ann" {
			t.Errorf("the audit has %+v, which nobody did", e)
		}
	}
	fields, err := s.Store().Fields(ctx)
	if got := fields.Values[flags.KeyNoisePercentage].Value; err != nil || got != "3" {
		t.Errorf("after the undo the flag is %q, %v; want 3", got, err)
	}
}

func TestCompareAndSet(t *testing.T) {
	s := start(t, flags.Options{Logger: zerolog.Nop()}) // in memory
	ctx := context.Background()
	flip := set("relay-percentage", "5")
	flip.Changes[0].Expect = ptr("")
	if _, err := s.Store().Write(ctx, flip); err != nil {
		t.Fatalf("expecting an unset flag: %v", err)
	}
	var conflict *flags.ConflictError
	if _, err := s.Store().Write(ctx, flip); !errors.As(err, &conflict) || conflict.Actual != "5" {
		t.Fatalf("the same flip again: %v, want a conflict with 5", err)
	}
	both := set("relay-percentage", "10")
	both.Changes = append(both.Changes, flags.Change{Key: "shadow-percentage", Value: ptr("10"), Expect: ptr("99")})
	if _, err := s.Store().Write(ctx, both); !errors.As(err, &conflict) || conflict.Key != "shadow-percentage" {
		t.Fatalf("a flip of two with one conflict: %v", err)
	}
	fields, err := s.Store().Fields(ctx)
	if err != nil || fields.Values["relay-percentage"].Value != "5" || len(fields.Values) != 1 {
		t.Errorf("half of a conflicting flip was written: %+v, %v", fields, err)
	}
}

func TestYAMLKeepsItsComments(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.yaml")
	write(t, path, "# owned by the platform team\nrelay-percentage: 5 # canary\nshadow-percentage: 50\n")
	s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
	flip := set("relay-percentage", "100")
	flip.Changes = append(flip.Changes, flags.Change{Key: "shadow-percentage"})
	if _, err := s.Store().Write(context.Background(), flip); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "# owned by the platform team\nrelay-percentage: 100 # canary\n"; err != nil || string(got) != want {
		t.Errorf("file after the flip = %q, %v, want %q", got, err, want)
	}
}

func TestFlagdFileStaysAFlagdFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "flags.json")
	write(t, path, `{"flags":{"relay-percentage":{"state":"ENABLED","variants":{"v":5},"defaultVariant":"v"}}}`)
	s := start(t, flags.Options{File: path, Logger: zerolog.Nop()})
	if _, err := s.Store().Write(context.Background(), set("relay-enabled", "off")); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), `"variants"`) || strings.Contains(string(got), `"relay-enabled": false`) {
		t.Errorf("file = %s, %v: want a flagd definition of relay-enabled", got, err)
	}
	if s.Decide(flags.Attributes{}).RelayEnabled {
		t.Error("the kill switch is not in force")
	}
}

func TestBrokenFileDoesNotBlockTheKillSwitch(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "flags.yaml")
	write(t, path, "relay-percentage: 100\n")
	s := start(t, flags.Options{File: path, DataDir: dir, Logger: zerolog.Nop()})
	write(t, path, "relay-percentage: [\n")
	within(t, 2*second, "STALE", stale(s, "file"))
	if _, err := s.Store().Write(context.Background(), set("relay-enabled", "false")); err != nil {
		t.Fatalf("the kill switch with a broken file: %v", err)
	}
	if d := s.Decide(flags.Attributes{}); d.RelayEnabled || s.State().Status != flags.Ready {
		t.Errorf("Decide = %+v, State = %+v", d, s.State())
	}
	if kept, err := os.ReadFile(path + ".broken"); err != nil || string(kept) != "relay-percentage: [\n" {
		t.Errorf("the broken file was not put aside: %q, %v", kept, err)
	}
}
