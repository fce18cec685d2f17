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
	"github.com/terragonlabs/holdfast/testsuite/tools/majors"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir := flag.String("dir", os.Getenv("HOLDFAST_MAJORS"), "directory that the major versions are installed in")
	list := flag.String("majors", "", "which of them, as 13,17; default: all")
	only := flag.String("only", "", "regular expression: the packages to test; default: all")
	logs := flag.String("logs", ".run/majors", "directory for what go test says")
	flag.Parse()
	if err := run(ctx, *dir, *list, *only, *logs); err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		if hint := failure.HintOf(err); hint != "" {
			fmt.Fprintln(os.Stderr, "next:  ", hint)
		}
		stop()
		os.Exit(failure.ClassOf(err).ExitCode())
	}
}

func run(ctx context.Context, dir, list, only, logs string) error {
	sources, err := majors.Select(list)
	if err != nil {
		return err
	}
	if !filepath.IsAbs(dir) {
		return failure.Invalid("dir", "%q is not an absolute directory", dir).WithHint("make majors")
	}
	chosen, err := matching(only)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(logs, 0o755); err != nil { // #nosec G301 -- no secret
		return failure.Wrap(failure.Forbidden, err, "make %s", logs)
	}
	var columns []column
	for _, source := range sources {
		installed, err := majors.Look(ctx, dir, source)
		if err != nil {
			return err
		}
		fmt.Printf("== %s (%s)\n", installed.Version, source)
		column, err := test(ctx, installed, chosen, filepath.Join(logs, source.Major.String()+".log"))
		if err != nil {
			return err
		}
		columns = append(columns, column)
	}
	fmt.Print(table(chosen, columns))
	if failed := failures(columns); failed > 0 {
		return failure.New(failure.CheckFailed, "%d of the cells failed", failed).WithHint("read %s", logs)
	}
	return nil
}
