package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/tools/majors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := flag.String("dir", os.Getenv("HOLDFAST_TOOLS"), "directory that programs are installed in")
	need := flag.String("for", "all", "what the programs are needed for: run, check, bench or all; majors: PostgreSQL's other major versions")
	place := flag.String("majors-dir", os.Getenv("HOLDFAST_MAJORS"), "directory that major versions are installed in")
	list := flag.String("majors", "", "which of them, as 13,17; default: all")
	flag.Parse()
	work := func() error { return install(ctx, *dir, *need) }
	if *need == needMajors {
		work = func() error { return installMajors(ctx, *place, *list) }
	}
	if err := work(); err != nil {
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

// installMajors needs no program of versions.txt, and no right to change the system.
func installMajors(ctx context.Context, dir, list string) error {
	sources, err := majors.Select(list)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dir) {
		return failure.Invalid("majors-dir", "%q is not an absolute directory", dir).WithHint("make majors")
	}
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	for _, source := range sources {
		begin := time.Now()
		installed, err := majors.Ensure(ctx, dir, source)
		if err != nil {
			return err
		}
		fmt.Printf("tools: %-28s %s (%s)\n", installed.Version, installed.BinDir, time.Since(begin).Round(100*time.Millisecond))
	}
	return nil
}
