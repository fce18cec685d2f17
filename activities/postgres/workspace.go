package postgres

import (
	"context"
	"path/filepath"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
)

// PrepareWorkspace makes a directory for this run and proves that it holds what
// is needed. Twice is harmless: a workspace of the same run is used again. What comes
// after writes nowhere but there, and only where there is one: so the run's warrant is
// asked for here, once, and nobody fills a disk with copies in the names of runs that
// no one declared.
func (a *Activities) PrepareWorkspace(ctx context.Context, in WorkspaceInput) (Workspace, error) {
	defer pulse.Start(ctx).Stop()
	workspace, err := permitted(ctx, a, in.Where, permission{}, func() (Workspace, error) { return a.prepareWorkspace(in) })
	return workspace, boundary.Out(err)
}

func (a *Activities) prepareWorkspace(in WorkspaceInput) (Workspace, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return Workspace{}, err
	}
	owner, err := pg.OwnerOf(t.host.DataDir)
	if err != nil {
		return Workspace{}, err
	}
	if err := owner.MkdirAll(filepath.Dir(t.workspace.Dir)); err != nil {
		return Workspace{}, err
	}
	w, err := restore.Prepare(owner, t.workspace.Dir, in.Run, in.NeedBytes)
	return Workspace{Dir: w.Dir, FreeBytes: w.FreeBytes, NeedBytes: w.NeedBytes, Created: w.Created}, err
}

// RemoveWorkspace removes what this run made there, its restored server stopped
// first. A restored cluster that has served is not there any more, and is never
// removed: a cut-over or its reversal moved it. Without a workspace nothing
// changes, so twice is harmless.
func (a *Activities) RemoveWorkspace(ctx context.Context, in WorkspaceInput) (Workspace, error) {
	defer pulse.Start(ctx).Stop()
	removed, err := permitted(ctx, a, in.Where, permission{undo: true}, func() (Workspace, error) {
		t, err := a.resolve(in.Where)
		if err == nil {
			err = a.removeWorkspace(ctx, t)
		}
		return Workspace{Dir: t.workspace.Dir}, err
	})
	return removed, boundary.Out(err)
}

func (a *Activities) removeWorkspace(ctx context.Context, t target) error {
	if marker, found, err := cluster.ReadMarker(t.workspace.DataDir()); err != nil {
		return err
	} else if found && marker.OriginRun != t.run {
		return failure.New(failure.IdentityMismatch, "%s holds a cluster of run %q, not of %q", t.workspace.DataDir(), marker.OriginRun, t.run)
	}
	return restore.Remove(t.workspace, func() error { return stopRestored(ctx, t) })
}

// stopRestored ends the server in the workspace, if one lives there.
func stopRestored(ctx context.Context, t target) error {
	c, err := t.open(Restored)
	if failure.Is(err, failure.NotFound) {
		return nil // nothing was restored yet
	}
	if err != nil {
		return err
	}
	if err := c.RequireStopped(ctx); err == nil {
		return nil
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	return c.Stop(ctx, cluster.Of(identity), cluster.StopOptions{})
}
