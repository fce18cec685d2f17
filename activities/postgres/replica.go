package postgres

import (
	"context"
	"strings"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/replica"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// RebuildReplica copies the serving primary to this host and returns once the copy
// streams. The old replica's directory is kept until somebody removes it. Killed,
// another call goes on; run twice it changes nothing and measures the lag again.
func (a *Activities) RebuildReplica(ctx context.Context, in ReplicaInput) (Replica, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	rebuilt, err := a.onReplica(ctx, in, false, func(config replica.Config) (Replica, error) {
		config.Progress = func(p replica.Progress) { beat.Report(p) }
		done, err := replica.Rebuild(ctx, config)
		return Replica{
			Identity: Identity{SystemID: done.Identity.SystemID, Timeline: done.Identity.Timeline, Incarnation: done.Identity.Incarnation},
			Lag:      done.Lag, AsideDir: done.OldDir,
		}, err
	})
	return rebuilt, boundary.Out(err)
}

// RestoreReplica puts the old replica back and keeps the new one. Before any
// rebuild it changes nothing, and so it does when it runs twice.
func (a *Activities) RestoreReplica(ctx context.Context, in ReplicaInput) (Replica, error) {
	defer pulse.Start(ctx).Stop()
	restored, err := a.onReplica(ctx, in, true, func(config replica.Config) (Replica, error) {
		done, err := replica.RestoreOld(ctx, config)
		return Replica{
			Identity: Identity{SystemID: done.Identity.SystemID, Timeline: done.Identity.Timeline, Incarnation: done.Identity.Incarnation},
			AsideDir: done.KeptDir,
		}, err
	})
	return restored, boundary.Out(err)
}

// onReplica resolves this host's replica and, when the run's warrant allows it,
// does what is to be done there.
func (a *Activities) onReplica(ctx context.Context, in ReplicaInput, undo bool, do func(replica.Config) (Replica, error)) (Replica, error) {
	config, err := a.replica(in)
	if err != nil {
		return Replica{}, err
	}
	return permitted(ctx, a, in.Where, in.rebuilding(undo), func() (Replica, error) { return do(config) })
}

// replica resolves this host's replica and where its primary is.
func (a *Activities) replica(in ReplicaInput) (replica.Config, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return replica.Config{}, err
	}
	if t.host.Role == plan.DatabasePrimary {
		return replica.Config{}, failure.New(failure.Unsafe, "host %s is the primary of %s in the plan: it is not rebuilt as a replica", a.Host, in.Database)
	}
	primary, found := t.database.Primary()
	if !found {
		return replica.Config{}, failure.Invalid("databases.hosts", "%s has no primary", in.Database)
	}
	upstream, err := a.upstream(t.database, primary)
	if err != nil {
		return replica.Config{}, err
	}
	return replica.Config{
		Run: strings.TrimPrefix(ShortRun(in.Run), "run-"), Replica: t.serving(), Upstream: upstream, Admin: upstream,
		Primary: expected(in.Primary), Timeline: in.Primary.Timeline, Slot: slotOf(a.Host),
		MaxLag: t.database.Observation.MaxReplicaLag.Std(),
	}, nil
}

// upstream is the primary as another host reaches it: by address, never by socket.
func (a *Activities) upstream(database plan.Database, primary plan.DatabaseHost) (pg.Server, error) {
	server, err := binding.Server(database, primary)
	if err != nil {
		return pg.Server{}, err
	}
	place, known := a.Plan.HostPlaces()[primary.Host]
	if !known {
		return pg.Server{}, failure.New(failure.NotFound, "the plan has no host %s", primary.Host)
	}
	server.Host = place.Address
	return server, nil
}

// slotOf is the replication slot of a host's replica.
func slotOf(host string) string {
	return "holdfast_" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(host))
}
