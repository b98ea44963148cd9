// Command cutover is a sidecar that moves live LLM traffic from one provider
// to another, and proves on the way that it is safe.
//
// Each subcommand has a file of its own; root.go lists them. config.go is the
// configuration that they share.
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
	// Until serving has a log: what goes wrong comes as an error value too.
	flags.LogRedisTo(zerolog.Nop())
	// net/http tells the standard log how an answer began that nobody asked for.
	// What providers say belongs into no log; that one came shows as a
	// connection that ended.
	log.SetOutput(io.Discard)
	os.Exit(execute(context.Background(), os.Args[1:], console{
		In:  os.Stdin,
		Out: os.Stdout,
		Err: os.Stderr,
		Env: os.Environ(),
	}))
}
