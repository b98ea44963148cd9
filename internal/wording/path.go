package wording

import (
	"errors"
	"os"
)

// WithoutPath takes the path out of a file error whose message names it
// already.
func WithoutPath(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
