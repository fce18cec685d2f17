package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run returns the exit status: 0 everything was measured, 1 something was not, 2
// bad flags. A missed target is neither.
func run(ctx context.Context, args []string) int {
	options, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		complain(err)
		return 2
	}
	if err := bench(ctx, options); err != nil {
		complain(err)
		return 1
	}
	return 0
}

func complain(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	if hint := failure.HintOf(err); hint != "" {
		fmt.Fprintln(os.Stderr, "next: ", hint)
	}
}

// bench measures, prints, and writes what was asked for in full.
func bench(ctx context.Context, o options) (err error) {
	w, err := openWorkshop(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, group := range groups() {
		if err := w.measureGroup(ctx, group); err != nil {
			fmt.Print("\nInterrupted. Measured until then:\n", w.results.table())
			return err
		}
	}
	fmt.Print("\n", w.results.table())
	if o.only == nil {
		if err := w.results.write(o.results); err != nil {
			return err
		}
		if err := w.results.document(o.document); err != nil {
			return err
		}
	}
	return w.results.failed()
}
