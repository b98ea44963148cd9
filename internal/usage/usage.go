// Package usage marks errors in how the program was called or configured: they end
// it with exit code 2, and the message points to the help.
package usage

import "fmt"

// Error is an error in usage or configuration.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Errorf returns an Error. Its text names the flag or key, says what is wrong with it
// and what to do.
func Errorf(format string, args ...any) error {
	return &Error{text: fmt.Sprintf(format, args...)}
}
