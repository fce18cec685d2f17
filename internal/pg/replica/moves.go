package replica

import (
	"context"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

func (r *rebuild) carryOut(ctx context.Context, step Step) error {
	switch step {
	case Copy:
		return r.copy(ctx)
	case RemovePartial:
		return r.removePartial()
	case BarRebuild:
		return r.bar()
	case MoveOldAside:
		return r.moveOldAside(ctx)
	case MoveNewIn:
		return r.moveNew(ctx, r.config.buildingDir(), r.config.dataDir())
	case MoveNewOut:
		return r.moveNew(ctx, r.config.dataDir(), r.config.rebuiltDir())
	case MoveOldBack:
		if _, err := r.requireOldReplica(ctx, r.config.oldDir()); err != nil {
			return err
		}
		return r.rename(r.config.oldDir(), r.config.dataDir())
	case Serve, Refuse:
	}
	return failure.New(failure.Internal, "%s is not a move", step)
}

func (r *rebuild) moveOldAside(ctx context.Context) error {
	old, err := r.requireOldReplica(ctx, r.config.dataDir())
	if err != nil {
		return err
	}
	if err := r.stop(ctx, old, r.anyOf()); err != nil {
		return err
	}
	return r.rename(r.config.dataDir(), r.config.oldDir())
}

func (r *rebuild) moveNew(ctx context.Context, from, to string) error {
	c, err := r.config.at(from)
	if err != nil {
		return err
	}
	if err := r.stop(ctx, c, r.config.Primary); err != nil {
		return err
	}
	return r.rename(from, to)
}

// stop ends the server of the expected cluster and proves it dead.
func (r *rebuild) stop(ctx context.Context, c *cluster.Cluster, want cluster.Expected) error {
	if err := c.Stop(ctx, want, r.config.Stop); err != nil {
		return err
	}
	return c.RequireStopped(ctx)
}

func (r *rebuild) rename(from, to string) error {
	if err := r.before("rename to " + filepath.Base(to)); err != nil {
		return err
	}
	return place.Move(from, to)
}

// removePartial deletes what an interrupted pg_basebackup of this run left. The
// claim beside it, written before the first byte, is the proof; it goes last.
func (r *rebuild) removePartial() error {
	if err := r.before("remove the unfinished copy"); err != nil {
		return err
	}
	for _, path := range []string{r.config.buildingDir(), r.config.tablespaceDir(), r.config.claimFile()} {
		if err := os.RemoveAll(path); err != nil {
			return pg.ClassifyFile(err, "remove %s", path)
		}
	}
	return pg.SyncDir(filepath.Dir(r.config.dataDir()))
}

// bar makes every later Rebuild of this run refuse.
func (r *rebuild) bar() error {
	if err := r.before("bar a late rebuild"); err != nil {
		return err
	}
	owner, err := r.owner()
	if err != nil {
		return err
	}
	return owner.WriteFile(r.config.undoneFile(), []byte("the old replica is put back\n"), 0o600)
}

// owner is whoever owns the old replica, wherever it is.
func (r *rebuild) owner() (pg.Owner, error) {
	for _, dir := range []string{r.config.oldDir(), r.config.dataDir()} {
		if there, err := place.Exists(dir); err != nil {
			return pg.Owner{}, err
		} else if there {
			return pg.OwnerOf(dir)
		}
	}
	return pg.Owner{}, failure.New(failure.NotFound, "no replica at %s", r.config.dataDir())
}
