package wording

import (
	"errors"
	"os"
)

// WithoutPath removes the path from a file error, for messages that already name it.
func WithoutPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
