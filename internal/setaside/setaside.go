// Package setaside moves a damaged file out of the way, so that the process can start
// with a new one and somebody can look at the old one later.
package setaside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// Move renames a file, or a directory that stands where a file should, to its own name
// with ".damaged-" and the time (UTC) appended. It returns the new path.
func Move(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	for n, base := 2, aside; ; n++ {
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			break
		} else if err != nil {
			return "", err
		}
		aside = fmt.Sprintf("%s-%d", base, n) // damaged twice within a second
	}
	return aside, os.Rename(path, aside)
}
