// Command cutover is a sidecar that moves live LLM traffic from one provider
// to another, and proves on the way that it is safe.
//
// Each subcommand has a file of its own; root.go lists them. config.go is the
// configuration that they share.
package main

import (
	"context"
	"os"

	"github.com/redis/go-redis/v9"
)

func main() {
	// The Redis client writes to standard error on its own, between the lines
	// of our log. Whatever it says there comes as an error value too.
	redis.SetLogger(silence{})
	os.Exit(execute(context.Background(), os.Args[1:], console{
		In:  os.Stdin,
		Out: os.Stdout,
		Err: os.Stderr,
		Env: os.Environ(),
	}))
}

// silence is a logger that drops everything.
type silence struct{}

// Printf implements the Redis client's logger.
func (silence) Printf(context.Context, string, ...any) {}
