// Command cutover is a sidecar that moves live LLM traffic from one provider
// to another, and proves on the way that it is safe.
//
// Each subcommand has a file of its own; root.go lists them. config.go is the
// configuration that they share.
package main

import (
	"context"
	"os"

	"github.com/rs/zerolog"

	"cutover/flags"
)

func main() {
	// Until serving has a log: what goes wrong comes as an error value too.
	flags.LogRedisTo(zerolog.Nop())
	os.Exit(execute(context.Background(), os.Args[1:], console{
		In:  os.Stdin,
		Out: os.Stdout,
		Err: os.Stderr,
		Env: os.Environ(),
	}))
}
