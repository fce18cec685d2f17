package swap

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

// found is a cluster at a place.
type found struct {
	place    Place
	cluster  *cluster.Cluster
	identity cluster.Identity
	// byMarker: pg_control cannot be read; the incarnation alone, which is random
	// and never reused, names the cluster.
	byMarker bool
}

// look reads what is on disk. It changes nothing.
func (s *swap) look(ctx context.Context) (State, error) {
	s.damaged, s.restored = found{place: Nowhere}, found{place: Nowhere}
	for _, p := range []Place{AtData, AtAside, AtKept, AtWorkspace} {
		if err := s.lookAt(ctx, p); err != nil {
			return State{}, err
		}
	}
	old, err := s.readRecord()
	state := State{
		Goal: s.goal, Damaged: s.damaged.place, Restored: s.restored.place, Reversed: old.Goal == GoalBack, Idle: !old.Ran,
	}
	if err != nil || s.restored.cluster == nil {
		return state, err
	}
	if state.TablespacesInside, err = s.tablespacesInside(); err != nil {
		return state, err
	}
	if state.Dressed, err = s.dressed(); err != nil {
		return state, err
	}
	state.Retired, err = s.retired()
	return state, err
}

func (s *swap) lookAt(ctx context.Context, p Place) error {
	dir := s.config.dirOf(p)
	there, err := place.Exists(dir)
	if err != nil || !there {
		return err
	}
	if err := place.RequireDirectory(dir); err != nil {
		return err
	}
	here, err := s.recognize(ctx, p)
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "recognize the cluster in %s", dir)
	}
	slot := &s.restored
	if here.identity.Incarnation == s.config.Damaged.Incarnation {
		slot = &s.damaged
	}
	if slot.place != Nowhere {
		return failure.New(failure.Unsafe, "%s and %s hold the same incarnation %q: one is a copy of the other",
			slot.cluster.DataDir, dir, here.identity.Incarnation).WithHint("find out which one is the original and move the copy elsewhere; nothing was changed")
	}
	*slot = here
	return nil
}

func (s *swap) recognize(ctx context.Context, p Place) (found, error) {
	c, err := cluster.Open(s.config.clusterAt(p))
	if err != nil {
		return found{}, err
	}
	here := found{place: p, cluster: c}
	here.identity, err = c.Identity(ctx)
	if failure.Is(err, failure.Corrupt) {
		return here.fromMarker(err, s.config.Damaged)
	}
	if err != nil {
		return found{}, err
	}
	if s.config.Damaged.Match(c.DataDir, here.identity) == nil {
		return here, nil
	}
	return here, s.config.Restored.Match(c.DataDir, here.identity)
}

// fromMarker: a damaged cluster may have lost pg_control, and then above all it
// must be possible to put it aside.
func (f found) fromMarker(unreadable error, want Identity) (found, error) {
	marker, there, err := cluster.ReadMarker(f.cluster.DataDir)
	if err != nil {
		return found{}, err
	}
	if !there || marker.Incarnation != want.Incarnation {
		return found{}, unreadable
	}
	f.identity, f.byMarker = cluster.Identity{SystemID: want.SystemID, Incarnation: marker.Incarnation}, true
	return f, nil
}

// stop ends the cluster's server, proves it dead and the cluster to be the one
// expected, timeline included: pg_control tells the timeline for certain only
// after a shutdown.
func (s *swap) stop(ctx context.Context, f found, want Identity) error {
	if f.byMarker {
		return f.cluster.RequireStopped(ctx)
	}
	if err := f.cluster.Stop(ctx, want.Expected, s.config.Stop); err != nil {
		return err
	}
	if err := f.cluster.RequireStopped(ctx); err != nil {
		return err
	}
	got, err := f.cluster.Require(ctx, want.Expected)
	if err != nil {
		return err
	}
	if want.Timeline != 0 && got.Timeline != want.Timeline {
		return failure.New(failure.IdentityMismatch, "%s is on timeline %d; expected %d (system %s, incarnation %q)",
			f.cluster.DataDir, got.Timeline, want.Timeline, got.SystemID, got.Incarnation).
			WithHint("pg_controldata -D %s", f.cluster.DataDir)
	}
	return nil
}

// settle brings the restored cluster to a clean shutdown: one that was killed
// after its promotion still shows the old timeline, and is started once more,
// isolated as it is, so that pg_control tells the new one.
func (s *swap) settle(ctx context.Context) error {
	c := s.restored.cluster
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == cluster.Stopped && !s.restored.identity.CleanlyShutDown() {
		if err := c.Start(ctx, cluster.StartOptions{}); err != nil {
			return err
		}
		if _, err := c.WaitReady(ctx); err != nil {
			return err
		}
	}
	return s.stop(ctx, s.restored, s.config.Restored)
}

const maxSmallBytes = 16 << 20

func hasLine(path, line string) (bool, error) {
	content, err := pg.ReadSmall(path, maxSmallBytes)
	if failure.Is(err, failure.NotFound) {
		return false, nil
	}
	return strings.Contains("\n"+string(content), "\n"+line+"\n"), err
}

// tablespacesInside: links that point into the workspace.
func (s *swap) tablespacesInside() (bool, error) {
	links, err := s.tablespaceLinks()
	if err != nil {
		return false, err
	}
	return len(links) > 0, nil
}

// tablespaceLinks are the restored cluster's links into the workspace, by path.
func (s *swap) tablespaceLinks() (map[string]string, error) {
	dir := filepath.Join(s.restored.cluster.DataDir, "pg_tblspc")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, pg.ClassifyFile(err, "list tablespaces")
	}
	inside := map[string]string{}
	workspace := filepath.Dir(s.config.Workspace.DataDir) + string(filepath.Separator)
	for _, entry := range entries {
		link := filepath.Join(dir, entry.Name())
		target, err := os.Readlink(link)
		if err != nil {
			return nil, pg.ClassifyFile(err, "read tablespace link %s", link)
		}
		if strings.HasPrefix(filepath.Clean(target), workspace) {
			inside[link] = filepath.Clean(target)
		}
	}
	return inside, nil
}
