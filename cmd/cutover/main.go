// Command cutover is a sidecar that moves live LLM traffic from one provider to
// another, and proves along the way that it is safe.
//
// Each subcommand has its own file; root.go lists them.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/rs/zerolog"

	"cutover/flags"
)

func main() {
	// There is no log until serve opens one; failures are returned as errors anyway.
	flags.LogRedisTo(zerolog.Nop())
	// net/http writes the start of an unsolicited response to the standard log, but
	// provider data must not be logged. The closed connection is visible elsewhere.
	log.SetOutput(io.Discard)
	os.Exit(execute(context.Background(), os.Args[1:], console{
		In:  os.Stdin,
		Out: os.Stdout,
		Err: os.Stderr,
		Env: os.Environ(),
	}))
}
