package flags

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const lastGoodName = "flags-last-good.json"

// lastGoodFile is what a sidecar starts from when Redis is unavailable.
type lastGoodFile struct {
	path string // "": nothing is saved
}

// savedFlags is the file's content.
type savedFlags struct {
	Namespace string            `json:"namespace"`
	Version   uint64            `json:"version"`
	SavedAt   time.Time         `json:"saved_at"`
	Fields    map[string]string `json:"fields"`
	// KillSwitchLost says that Redis lost a relay-enabled that was false, and that nobody
	// has set it since.
	KillSwitchLost bool `json:"kill_switch_lost,omitempty"`
}

func openLastGood(dataDir string) lastGoodFile {
	if dataDir == "" {
		return lastGoodFile{}
	}
	return lastGoodFile{filepath.Join(dataDir, lastGoodName)}
}

// load returns the saved flags; false when there is nothing usable.
func (l lastGoodFile) load(namespace string) (savedFlags, bool, error) {
	var kept savedFlags
	if l.path == "" {
		return kept, false, nil
	}
	data, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return kept, false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil {
		kept = savedFlags{}
		return kept, false, fmt.Errorf("last good flags %s: %w", l.path, err)
	}
	return kept, kept.Namespace == namespace && len(kept.Fields) > 0, nil
}

// save writes the fields, which are durable when it returns.
func (l lastGoodFile) save(kept savedFlags) error {
	if l.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		return err
	}
	return writeFileAtomic(l.path, append(data, '\n'))
}
