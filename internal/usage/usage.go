// Package usage marks the errors that are mistakes in how the program was called
// or configured: they end it with exit code 2, and the message points to help.
package usage

import "fmt"

// Error is such a mistake.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

// Errorf makes an Error. Its text names the flag or key, says what is wrong with
// it and what to do.
func Errorf(format string, args ...any) error {
	return &Error{text: fmt.Sprintf(format, args...)}
}
