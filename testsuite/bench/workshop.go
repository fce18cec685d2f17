package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// workshop is one run of the benchmark.
type workshop struct {
	options  options
	scratch  string
	lock     *os.File
	programs string // directory of worker, starter and wal
	results  *results
	began    time.Time
	lab      *lab // of the full size; nil until a group wants it
}

func openWorkshop(ctx context.Context, o options) (*workshop, error) {
	w := &workshop{options: o, began: time.Now()}
	var err error
	if w.scratch, w.lock, err = openScratch(o.sizeBytes * scratchFactor); err != nil {
		return nil, errors.Join(err, w.close())
	}
	// The stack and every program make their temporary files here.
	if err := os.Setenv("TMPDIR", w.scratch); err != nil {
		return nil, errors.Join(failure.Wrap(failure.Internal, err, "set TMPDIR"), w.close())
	}
	if o.profile != "" {
		if err := w.openProfiles(); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	w.results = &results{
		Measured: w.began.UTC(), Machine: thisMachine(), Runs: o.runs, Cache: dropCaches(), Raw: map[string][]sample{},
		Versions: map[string]string{
			"pgbackrest": version(ctx, "pgbackrest", "version"), "tar": version(ctx, "tar", "--version"), "gzip": version(ctx, "gzip", "--version"),
			"gpg": version(ctx, "gpg", "--version"), "holdfast": version(ctx, "git", "describe", "--tags", "--always", "--dirty"),
			"go": version(ctx, "go", "version"),
		},
	}
	w.say("build the programs")
	w.programs = filepath.Join(w.scratch, "programs")
	if err := os.Mkdir(w.programs, 0o755); err != nil {
		return nil, errors.Join(failure.Wrap(failure.Forbidden, err, "make the directory of programs"), w.close())
	}
	if err := build(ctx, w.programs, o.profile != ""); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// openProfiles makes a directory that the servers' account may write to.
func (w *workshop) openProfiles() (err error) {
	if w.options.profile, err = filepath.Abs(w.options.profile); err == nil {
		err = os.MkdirAll(w.options.profile, 0o777)
	}
	if err == nil {
		err = os.Chmod(w.options.profile, 0o777) // whatever the umask says
	}
	return failure.Wrap(failure.Forbidden, err, "make the directory of profiles")
}

// close ends everything that runs and removes what was made.
func (w *workshop) close() error {
	err := w.closeLab()
	if w.lock != nil {
		_ = w.lock.Close() // nothing was written
	}
	if w.scratch != "" {
		err = errors.Join(err, failure.Wrap(failure.Forbidden, os.RemoveAll(w.scratch), "remove the scratch directory"))
	}
	return err
}

// ready returns the lab of the full size as a group wants it: nothing is under
// way, and archiving goes nowhere. The first call opens it.
func (w *workshop) ready(ctx context.Context) (*lab, error) {
	if w.lab != nil {
		return w.lab, w.lab.calm(ctx)
	}
	made, err := w.openLab(ctx, w.options.sizeBytes)
	if err != nil {
		return nil, err
	}
	w.lab = made
	w.results.Size, err = made.databaseBytes(ctx)
	w.results.Versions["postgresql"] = version(ctx, filepath.Join(made.Primary.BinDir, "postgres"), "--version")
	return made, err
}

func (w *workshop) closeLab() error {
	if w.lab == nil {
		return nil
	}
	closing := w.lab
	w.lab = nil
	return closing.Close()
}

// measureGroup measures the rows of a group, where any is wanted. What fails is
// in the results; only the end of ctx ends the run.
func (w *workshop) measureGroup(ctx context.Context, g group) error {
	wanted := false
	for _, name := range g.rows {
		wanted = wanted || w.options.wanted(name)
	}
	if !wanted {
		return nil
	}
	w.say("%s", g.name)
	found := newFindings()
	err := g.measure(ctx, w, found)
	if ctx.Err() != nil {
		return errors.Join(err, failure.Wrap(failure.Unavailable, ctx.Err(), "measure %s", g.name))
	}
	if err != nil {
		w.say("  failed: %s", err)
	}
	w.results.add(g, w.options.wanted, found, err)
	w.results.Took = time.Since(w.began).Seconds()
	return nil
}

func (w *workshop) say(format string, args ...any) {
	fmt.Printf("%6.0f s  %s\n", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}
