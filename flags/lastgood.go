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

// lastGood is the file that a sidecar starts from when Redis is away.
type lastGood struct {
	path string // "": nothing is kept
}

// keptFlags is the file's content.
type keptFlags struct {
	Namespace string            `json:"namespace"`
	Version   uint64            `json:"version"`
	SavedAt   time.Time         `json:"saved_at"`
	Fields    map[string]string `json:"fields"`
}

func openLastGood(dataDir string) (lastGood, error) {
	if dataDir == "" {
		return lastGood{}, nil
	}
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return lastGood{}, fmt.Errorf("data directory: %w", err)
	}
	return lastGood{filepath.Join(dataDir, lastGoodName)}, nil
}

// load returns what was kept; false when there is nothing that can be used.
func (l lastGood) load(namespace string) (keptFlags, bool, error) {
	var kept keptFlags
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
		return kept, false, fmt.Errorf("last good flags %s: %w", l.path, err)
	}
	return kept, kept.Namespace == namespace && len(kept.Fields) > 0, nil
}

// save keeps the fields, durable before it returns.
func (l lastGood) save(kept keptFlags) error {
	if l.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(kept, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(l.path, append(data, '\n'))
}
