package exchange

import (
	"testing"

	"go.uber.org/goleak"
)

// The package starts no goroutine, and neither may the decoders that it borrows.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
