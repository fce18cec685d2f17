package main

import (
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// absolute resolves the paths of the flags against the directory this process was
// started in: PostgreSQL, which gets some of them, runs in another. An empty one
// stays empty.
func (o *runOptions) absolute() error {
	for flag, path := range map[string]*string{
		"plan": &o.planFile, "state-dir": &o.stateDir, "signing-key": &o.signingKey,
		"wal-program": &o.walProgram, "key-holder": &o.keyHolder,
	} {
		if *path == "" {
			continue
		}
		resolved, err := filepath.Abs(*path)
		if err != nil {
			return failure.Invalid("--"+flag, "%s", err).WithHint("give an absolute path")
		}
		*path = resolved
	}
	return nil
}
