package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := flag.String("dir", os.Getenv("HOLDFAST_TOOLS"), "directory that programs are installed in")
	need := flag.String("for", "all", "what the programs are needed for: run, check, bench or all")
	flag.Parse()
	if err := install(ctx, *dir, *need); err != nil {
		fmt.Fprintln(os.Stderr, "tools:", err)
		if hint := failure.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "next: ", hint)
		}
		stop()
		os.Exit(failure.ClassOf(err).ExitCode())
	}
}

func install(ctx context.Context, dir, need string) error {
	programs, err := listed(need)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dir) {
		return failure.Invalid("dir", "%q is not an absolute directory", dir).WithHint("make tools")
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	if packages := packagesFor(need); len(packages) > 0 {
		if err := installPackages(ctx, packages); err != nil {
			return err
		}
	}
	for _, program := range programs {
		if err := program.ensure(ctx, dir); err != nil {
			return err
		}
	}
	return nil
}
