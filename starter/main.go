// Command starter is how people use holdfast: it starts recovery runs, shows
// where they stand, signs approvals, manages backups and checks the plan.
//
// Run "starter help" for the commands, each with examples, and "starter help
// exit-codes" for what its exit status means.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/obs"
)

func main() {
	obs.BoundMemory()
	obs.KeepSmall()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}
