package flags_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cutover/flags"
)

// away is a Redis that nobody answers for.
func away(dir string) flags.Options {
	return flags.Options{
		Redis: &flags.RedisOptions{URL: "redis://127.0.0.1:1"}, DataDir: dir,
		Initial: flags.Values{RelayPercentage: new(100.0), ShadowPercentage: new(100.0), PrimaryProvider: new("relay")},
	}
}

// TestHaltStopsTheRelayWithoutRedis: the kill switch of one process needs
// nobody's consent, and outlives a restart.
func TestHaltStopsTheRelayWithoutRedis(t *testing.T) {
	dir := t.TempDir()
	s := start(t, away(dir))
	if !serves(s) || !shadows(s) {
		t.Fatal("the configuration does not rule")
	}
	before := s.Decide(flags.Attributes{TargetingKey: "anybody"})
	if err := s.Halt("ann", "nonsense"); err != nil {
		t.Fatal(err)
	}
	d := s.Decide(flags.Attributes{TargetingKey: "anybody"})
	if d.RelayEnabled || d.ServeRelay || d.Shadow || d.Noise || d.ReferenceRelay || !d.Fallback || d.Version != before.Version {
		t.Errorf("halted: %+v", d)
	}
	if h := s.State().Halted; h == nil || h.Who != "ann" || h.Why != "nonsense" || h.At.IsZero() {
		t.Errorf("the state says %+v", h)
	}
	if e := s.Explain(flags.Attributes{TargetingKey: "anybody"}); e.Serves != "primary" || e.State.Halted == nil {
		t.Errorf("explained as served by the %s, %+v", e.Serves, e.State.Halted)
	}
	again := start(t, away(dir)) // as after a restart
	if h := again.Halted(); h == nil || h.Who != "ann" || serves(again) {
		t.Errorf("after a restart: %+v, the relay serves: %v", h, serves(again))
	}
	if err := again.Resume("bob", ""); err != nil || again.Halted() != nil || !serves(again) {
		t.Errorf("resumed: %v, %+v, the relay serves: %v", err, again.Halted(), serves(again))
	}
	if third := start(t, away(dir)); third.Halted() != nil {
		t.Error("a halt that was ended is back after a restart")
	}
	if err := again.Resume("bob", "twice"); err != nil {
		t.Errorf("nothing to resume: %v", err)
	}
}

// TestHaltHoldsWhateverTheDisk: a file that can't be read means that somebody
// wanted the relay stopped; one that can't be written leaves it stopped.
func TestHaltHoldsWhateverTheDisk(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "halt.json"), "{torn")
	if s := start(t, away(dir)); s.Halted() == nil || serves(s) {
		t.Error("a torn halt.json does not halt")
	}
	dir = t.TempDir()
	s := start(t, away(dir))
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := s.Halt("ann", ""); err == nil || !strings.Contains(err.Error(), "would not survive a restart") || serves(s) {
		t.Errorf("Halt without a directory: %v, the relay serves: %v", err, serves(s))
	}
	unkept := start(t, flags.Options{Initial: away("").Initial})
	if err := unkept.Halt("ann", ""); err != nil || serves(unkept) {
		t.Errorf("Halt without DataDir: %v, the relay serves: %v", err, serves(unkept))
	}
}
