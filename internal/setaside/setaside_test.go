package setaside

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestMoveKeepsEveryDamagedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cutover.db")
	now := time.Date(2026, 3, 1, 12, 30, 5, 0, time.FixedZone("", 3600))
	for _, want := range []string{".damaged-20260301T113005Z", ".damaged-20260301T113005Z-2", ".damaged-20260301T113005Z-3"} {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		aside, err := Move(path, now)
		if err != nil || aside != path+want {
			t.Fatalf("Move = %q, %v; want %q", aside, err, path+want)
		}
		if text, err := os.ReadFile(aside); err != nil || string(text) != want {
			t.Errorf("%s holds %q, %v", aside, text, err)
		}
	}
	if _, err := Move(path, now); err == nil {
		t.Error("a file that is not there was moved")
	}
}
