package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx)
	stop()
	os.Exit(code)
}

// run returns the exit status: 0 recovered as promised, 1 not, 2 bad settings.
func run(ctx context.Context) int {
	screen := newConsole(os.Stdout)
	wish, err := wishes(os.Getenv)
	if err != nil {
		screen.failed(err)
		return 2
	}
	good, err := tell(ctx, screen, wish)
	switch {
	case ctx.Err() != nil && err != nil:
		fmt.Fprintln(os.Stdout, "\ninterrupted; everything was stopped and removed")
		return 1
	case err != nil:
		screen.failed(err)
		return 1
	case !good:
		return 1
	}
	return 0
}

// hintOf is the command an error asks for next, as a line of its own.
func hintOf(err error) string {
	if hint := failure.HintOf(err); hint != "" {
		return "\n  next: " + hint
	}
	return ""
}
