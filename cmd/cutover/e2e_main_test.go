package main

import (
	"bytes"
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"cutover/flags"
)

// asCommand makes the test binary be the command: the tests of whole processes
// start it again, with the race detector in it if they have it themselves.
const asCommand = "TEST_BINARY_IS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main() // exits
	}
	// Times on the wire are in UTC wherever the machine stands.
	time.Local = time.FixedZone("UTC+9", 9*60*60)
	flags.LogRedisTo(zerolog.Nop())
	// go-redis dials once a second in a goroutine that Close does not wait for;
	// it ends within that second.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

// within is a context that ends with the test, and before its patience does.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually waits until cond holds; state is shown when it never does.
func eventually(t testing.TB, what string, cond func() bool, state func() any) {
	t.Helper()
	ctx := within(t)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waited %s for: %s; it stands at %v", patience, what, state())
		}
	}
}

// textBuffer takes a log that is written by many goroutines.
type textBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *textBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *textBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
