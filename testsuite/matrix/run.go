package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/tools/majors"
)

// outcome is one cell.
type outcome struct {
	passed bool
	lacks  []string // what kept it from running
	took   string   // as go test says
}

// column is one major's outcomes, in the order of the suites.
type column struct {
	on       majors.Installed
	outcomes []outcome
}

// test runs suites on one major: whole packages two at a time, then the rest one
// by one. What go test says goes to the file log.
func test(ctx context.Context, on majors.Installed, chosen []suite, log string) (column, error) {
	file, err := os.Create(log) // #nosec G304 -- below the caller's directory
	if err != nil {
		return column{}, failure.Wrap(failure.Forbidden, err, "write what the tests say")
	}
	defer func() { _ = file.Close() }() // a log that is cut short shows in what is missing
	var together []string
	for _, s := range chosen {
		if !s.alone() && len(s.lacking(on)) == 0 {
			together = append(together, s.dir)
		}
	}
	var said string
	if len(together) > 0 {
		if said, err = goTest(ctx, on, file, append([]string{"-p", "2"}, together...)...); err != nil {
			return column{}, err
		}
	}
	result := column{on: on}
	for _, s := range chosen {
		switch lacks := s.lacking(on); {
		case len(lacks) > 0:
			result.outcomes = append(result.outcomes, outcome{lacks: lacks})
		case s.alone():
			alone, err := goTest(ctx, on, file, s.arguments()...)
			if err != nil {
				return column{}, err
			}
			result.outcomes = append(result.outcomes, verdict(alone, s.dir))
		default:
			result.outcomes = append(result.outcomes, verdict(said, s.dir))
		}
	}
	return result, nil
}

// goTest runs tests on a major. A test that fails is in what it returns, not an error.
func goTest(ctx context.Context, on majors.Installed, log io.Writer, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-count=1", "-timeout", "12m"}, args...)...) // #nosec G204 -- from suites
	cmd.Env = append(os.Environ(), "HOLDFAST_POSTGRES="+on.BinDir)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&said, log), log
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		return "", failure.Wrap(failure.Unavailable, errors.Join(err, ctx.Err()), "go test")
	}
	for line := range strings.Lines(said.String()) {
		if strings.HasPrefix(line, "ok ") || strings.HasPrefix(line, "FAIL") || strings.HasPrefix(line, "--- FAIL") {
			fmt.Print("   ", line)
		}
	}
	return said.String(), nil
}

// verdict reads go test's line about one package. No line, or one that says that
// no test ran, is no pass.
func verdict(said, dir string) outcome {
	suffix := strings.TrimPrefix(dir, ".")
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && fields[0] == "ok" && strings.HasSuffix(fields[1], suffix) {
			return outcome{passed: !strings.Contains(line, "[no tests to run]"), took: fields[2]}
		}
	}
	return outcome{}
}
