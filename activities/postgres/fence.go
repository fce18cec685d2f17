package postgres

import (
	"context"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// FenceWrites keeps the application's roles from writing, and proves it: they are
// refused, their sessions are gone, the position of the last write is known. A
// server that is down is kept from serving them when it starts. What was there
// before is written down first, on this host, and never overwritten: twice, or
// killed half-way and again, ends in the same fence and the same record.
func (a *Activities) FenceWrites(ctx context.Context, in FenceInput) (Fence, error) {
	defer pulse.Start(ctx).Stop()
	fenced, err := permitted(ctx, a, in.Where, in.fencing(), func() (Fence, error) { return a.fence(ctx, in) })
	return fenced, boundary.Out(err)
}

func (a *Activities) fence(ctx context.Context, in FenceInput) (Fence, error) {
	t, c, err := a.fenced(ctx, in)
	if err != nil {
		return Fence{}, err
	}
	server, err := t.server(in.Side)
	if err != nil {
		return Fence{}, err
	}
	options, err := a.fenceOptions(t, in, c)
	if err != nil {
		return Fence{}, err
	}
	probed := inspect.Probe(ctx, server)
	if probed.Reach == inspect.Reachable {
		options.Roles, err = writers(ctx, server, t.database.Roles)
		if err != nil {
			return Fence{}, err
		}
	}
	if probed.Reach != inspect.Reachable {
		return a.fenceStopped(ctx, c, in, options, probed.Reason)
	}
	if options.Logins, err = t.logins(server, options.Roles); err != nil {
		return Fence{}, err
	}
	fenced, err := fence.Writes(ctx, server, options)
	if err != nil {
		return Fence{}, err
	}
	out := Fence{At: fenced.At, LSN: fenced.LSN, Terminated: fenced.Terminated, Newest: newestBeat(ctx, server, fenced.At), Others: fenced.Others}
	for _, one := range fenced.Record.Subscriptions {
		out.Subscriptions = append(out.Subscriptions, one.String())
	}
	if in.Side == Serving {
		if err := a.awaitRest(ctx, t, c, in.Expect, fenced.LSN); err != nil {
			out.Unarchived = err.Error()
		}
	}
	return out, nil
}

// writers are the roles to fence: all but those the plan says only read, and which
// may in fact write nothing.
func writers(ctx context.Context, server pg.Server, roles []plan.DatabaseRole) ([]string, error) {
	var names []string
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		for _, role := range roles {
			why, err := fence.MayWrite(ctx, conn, role.Name)
			if err != nil {
				return err
			}
			if why != "" || !role.ReadOnly {
				names = append(names, role.Name)
			}
		}
		return nil
	})
	return names, err
}

// fenceStopped fences a server that does not answer. It must be proved dead: one
// that is only unreachable may still take writes.
func (a *Activities) fenceStopped(ctx context.Context, c *cluster.Cluster, in FenceInput, options fence.Options, why string) (Fence, error) {
	fenced, err := fence.Stopped(ctx, c, expected(in.Expect), options)
	if err != nil {
		return Fence{}, failure.Wrap(failure.ClassOf(err), err, "fence a server that does not answer (%s)", why)
	}
	return Fence{At: fenced.At, LSN: fenced.LSN, Offline: true}, nil
}

// LiftFence restores exactly what the fence's record holds, and then removes it. A
// server that was down when it was fenced, and runs now, goes on running. Without a
// record nothing is fenced and nothing changes, so twice is harmless.
func (a *Activities) LiftFence(ctx context.Context, in FenceInput) (Fence, error) {
	defer pulse.Start(ctx).Stop()
	lifted, err := permitted(ctx, a, in.Where, in.lifting(), func() (Fence, error) { return a.lift(ctx, in) })
	return lifted, boundary.Out(err)
}

func (a *Activities) lift(ctx context.Context, in FenceInput) (Fence, error) {
	t, c, err := a.fenced(ctx, in)
	if err != nil {
		return Fence{}, err
	}
	path := a.recordPath(in)
	record, found, err := fence.Load(path)
	if err != nil || !found {
		return Fence{}, err
	}
	if record.Offline != nil {
		if err := fence.LiftOffline(ctx, c, expected(in.Expect), path); err != nil || len(record.Roles) == 0 {
			return Fence{Offline: true}, err
		}
	}
	server, err := t.server(in.Side)
	if err != nil {
		return Fence{}, err
	}
	return Fence{}, fence.Lift(ctx, server, path, in.Expect.SystemID)
}

// fenced resolves the cluster and proves that it is the one meant.
func (a *Activities) fenced(ctx context.Context, in FenceInput) (target, *cluster.Cluster, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return target{}, nil, err
	}
	c, err := t.open(in.Side)
	if err != nil {
		return target{}, nil, err
	}
	_, err = c.Require(ctx, expected(in.Expect))
	return t, c, err
}

func (a *Activities) fenceOptions(t target, in FenceInput, c *cluster.Cluster) (fence.Options, error) {
	var roles []string
	for _, role := range t.database.Roles {
		roles = append(roles, role.Name)
	}
	path, prior := a.recordPath(in), ""
	if in.Origin != nil {
		prior = a.recordPath(FenceInput{Where: in.Where, Expect: *in.Origin})
	}
	if err := c.Programs.Owner.MkdirAll(filepath.Dir(path)); err != nil {
		return fence.Options{}, err
	}
	return fence.Options{
		Roles: roles, Databases: []string{t.database.DBName}, RecordPath: path, PriorPath: prior, SystemID: in.Expect.SystemID, Owner: c.Programs.Owner,
		Allowed: t.database.UnfencedRoles, Copy: in.Origin != nil,
	}, nil
}

// recordPath is where the fence of one incarnation is remembered: damaged and
// restored cluster share everything else. A cluster that was never enrolled has
// its system identifier only.
func (a *Activities) recordPath(in FenceInput) string {
	name := in.Expect.Incarnation
	if name == "" {
		name = "unmarked-" + in.Expect.SystemID.String()
	}
	return filepath.Join(a.StateDir, "fence", filepath.Base(in.Database), filepath.Base(name)+".json")
}
