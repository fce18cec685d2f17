package swap

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

func (s *swap) carryOut(ctx context.Context, move Move) error {
	switch move.Step {
	case MoveDamagedAside:
		return s.moveDamagedAside(ctx)
	case MoveRestoredIn:
		return s.moveRestored(ctx, s.config.dataDir())
	case MoveRestoredOut:
		return s.moveRestored(ctx, s.config.keptDir())
	case MoveDamagedBack:
		if err := s.stop(ctx, s.damaged, s.config.Damaged); err != nil {
			return err
		}
		return s.rename(s.damaged.cluster.DataDir, s.config.dataDir())
	case MoveTablespaces:
		return s.moveTablespaces(ctx)
	case Dress:
		return s.dress(ctx)
	case Retire:
		return s.retire(ctx)
	case Serve, Leave, Refuse:
	}
	return failure.New(failure.Internal, "%s is not a move", move.Step)
}

// moveDamagedAside begins the outage, so everything that can refuse is asked
// before: the file system, and the restored cluster's identity.
func (s *swap) moveDamagedAside(ctx context.Context) error {
	data := s.config.dataDir()
	if err := place.RequireOneFileSystem(filepath.Dir(data), data, s.restored.cluster.DataDir); err != nil {
		return err
	}
	links, err := s.tablespaceLinks()
	if err != nil {
		return err
	}
	for _, target := range links {
		if err := place.RequireOneFileSystem(filepath.Dir(data), target); err != nil {
			return err
		}
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	if err := s.stop(ctx, s.damaged, s.config.Damaged); err != nil {
		return err
	}
	return s.rename(data, s.config.asideDir())
}

func (s *swap) moveRestored(ctx context.Context, to string) error {
	if err := place.RequireOneFileSystem(filepath.Dir(to), s.restored.cluster.DataDir); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		return err
	}
	return s.rename(s.restored.cluster.DataDir, to)
}

func (s *swap) rename(from, to string) error {
	if err := s.before("rename to " + filepath.Base(to)); err != nil {
		return err
	}
	return place.Move(from, to)
}

// moveTablespaces takes them out of the workspace, which will be removed. Each
// is renamed, then its link replaced by one rename; between the two the link
// dangles, and the next call finds the directory at its new place.
func (s *swap) moveTablespaces(ctx context.Context) error {
	if err := s.stop(ctx, s.restored, s.config.Restored); err != nil {
		return err
	}
	links, err := s.tablespaceLinks()
	if err != nil {
		return err
	}
	owner := s.restored.cluster.Programs.Owner
	if err := owner.MkdirAll(s.config.tablespaceDir()); err != nil {
		return err
	}
	for _, link := range slices.Sorted(maps.Keys(links)) {
		to := filepath.Join(s.config.tablespaceDir(), filepath.Base(link))
		if err := s.moveTablespace(links[link], to); err != nil {
			return err
		}
		if err := s.relink(owner, link, to); err != nil {
			return err
		}
	}
	return nil
}

func (s *swap) moveTablespace(from, to string) error {
	there, err := place.Exists(to)
	if err != nil {
		return err
	}
	left, err := place.Exists(from)
	if err != nil {
		return err
	}
	if there && !left {
		return nil // an earlier call moved it
	}
	return s.rename(from, to)
}

func (s *swap) relink(owner pg.Owner, link, to string) error {
	if err := s.before("link tablespace " + filepath.Base(link)); err != nil {
		return err
	}
	temporary := s.config.tablespaceDir() + "/.link-" + filepath.Base(link)
	if err := os.Remove(temporary); err != nil && !os.IsNotExist(err) {
		return pg.ClassifyFile(err, "remove a link left behind")
	}
	if err := os.Symlink(to, temporary); err != nil {
		return pg.ClassifyFile(err, "link tablespace %s", to)
	}
	if err := owner.Give(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, link); err != nil {
		return pg.ClassifyFile(err, "link tablespace %s", to)
	}
	return pg.SyncDir(filepath.Dir(link))
}
