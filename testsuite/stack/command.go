package stack

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
)

// Command returns one of this repository's programs, to be run as the stack's
// account, with the environment that points it at this stack's Temporal.
func (s *Stack) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return s.run(ctx, s.Program(program), args...)
}

// TemporalCLI returns the temporal program, to be run the same way.
func (s *Stack) TemporalCLI(ctx context.Context, args ...string) *exec.Cmd {
	return s.run(ctx, s.Temporal.CLI, args...)
}

// Program is the path of worker, starter or wal in the run directory.
func (s *Stack) Program(name string) string { return filepath.Join(s.Dir, "bin", name) }

// StateDir is where the worker of a host keeps what must survive its restarts.
func (s *Stack) StateDir(host string) string { return filepath.Join(s.Dir, host, "state") }

func (s *Stack) run(ctx context.Context, path string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = s.Dir
	command.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(s.Dir, "home"), "TMPDIR=" + filepath.Join(s.Dir, "tmp"), "TZ=UTC", "NO_COLOR=1",
	}, s.WorkerEnv()...)
	command.SysProcAttr = s.account.Attributes()
	return command
}

// Postgres returns one of PostgreSQL's programs, to be run as the stack's account.
func (s *Stack) Postgres(ctx context.Context, program string, args ...string) *exec.Cmd {
	return s.programs().Command(ctx, program, args...)
}
