package main

import (
	"context"
	"os"
	"path/filepath"

	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities"
	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/obs"
	"github.com/terragonlabs/holdfast/workflows/recovery/databasecorruption"
)

// registrations is what this process offers on one task queue.
type registrations struct {
	set *activities.Set
}

// wire is the composition root: the one place where stores, keys, adapters and
// activities are put together.
func wire(ctx context.Context, s served) (registrations, error) {
	o := s.options
	program := o.walProgram
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			return registrations{}, failure.Wrap(failure.Unavailable, err, "find this program, to find wal beside it")
		}
		program = filepath.Join(filepath.Dir(self), "wal")
	}
	set, err := activities.Assemble(ctx, activities.Config{
		Plan: s.plan, Host: o.host, StateDir: o.stateDir, SignerFile: o.signingKey, WALProgram: program,
		KeyHolderFile: o.keyHolder, KeyPassphrase: o.keyPassphrase, Version: obs.Version(), Log: s.log,
	})
	return registrations{set: set}, err
}

// on registers on poller what belongs on queue.
func (r registrations) on(queue string, poller sdkworker.Registry) {
	switch queue {
	case controlQueue:
		r.set.Control(poller)
		poller.RegisterWorkflowWithOptions(databasecorruption.Run, workflow.RegisterOptions{Name: databasecorruption.Name})
	case keys.Queue:
		r.set.Holder(poller)
	default:
		r.set.OnHost(poller)
	}
}
