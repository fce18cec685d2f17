package restore

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

const controlFile = "global/pg_control"

// Config says which set to restore. Target, Map, Last and Workspace of Archive
// are set here.
type Config struct {
	Archive archive.RestoreConfig
	Owner   pg.Owner // of the restored directory
}

// Restored is a directory with the set's files.
type Restored struct {
	DataDir     string            `json:"data_dir"`
	Incarnation string            `json:"incarnation"`
	Tablespaces map[uint32]string `json:"tablespaces,omitempty"` // where each is now
	Archive     archive.Result    `json:"-"`
	Again       bool              `json:"again"` // an earlier call of this run had finished
}

// Beside restores the set into the workspace, tablespaces inside it. Killed and
// run again it goes on; finished and run again it changes nothing, also when
// the cluster was started meanwhile. Errors are those of archive.Restore.
func Beside(ctx context.Context, w Workspace, config Config) (Restored, error) {
	if mine, err := w.marked(); err != nil || !mine {
		return Restored{}, orRefused(err, w)
	}
	restored := Restored{DataDir: w.DataDir()}
	marker, found, err := cluster.ReadMarker(w.DataDir())
	if err != nil {
		return restored, err
	}
	set, _, err := archive.Load(ctx, config.Archive.Stores, config.Archive.Source, config.Archive.SetID, config.Archive.Trusted)
	if err != nil {
		return restored, err
	}
	links, err := restored.relocate(w, set.Descriptor)
	if err != nil {
		return restored, err
	}
	if found && marker.OriginRun == w.Run {
		restored.Incarnation, restored.Again = marker.Incarnation, true
		return restored, nil
	}
	return restored.fetch(ctx, w, config, links)
}

func orRefused(err error, w Workspace) error {
	if err != nil {
		return err
	}
	return failure.New(failure.Refused, "%s is not the workspace of run %s", w.Dir, w.Run).WithHint("prepare the workspace first")
}

// relocate gives every tablespace a place inside the workspace.
func (r *Restored) relocate(w Workspace, d *archive.Descriptor) (map[string]string, error) {
	if d.Attributes.Postgres == nil {
		return nil, failure.New(failure.InvalidInput, "set %s is no PostgreSQL base backup", d.Set)
	}
	links := map[string]string{}
	r.Tablespaces = map[uint32]string{}
	for _, space := range d.Attributes.Postgres.Tablespaces {
		oid := strconv.FormatUint(uint64(space.OID), 10)
		r.Tablespaces[space.OID] = filepath.Join(w.TablespaceDir(), oid)
		links["pg_tblspc/"+oid] = r.Tablespaces[space.OID]
	}
	return links, nil
}

func (r Restored) fetch(ctx context.Context, w Workspace, config Config, links map[string]string) (Restored, error) {
	for _, dir := range []string{w.stateDir(), w.TablespaceDir()} {
		if err := config.Owner.MkdirAll(dir); err != nil {
			return r, err
		}
	}
	wanted := config.Archive
	wanted.Target, wanted.Map, wanted.Workspace, wanted.Last = w.DataDir(), links, w.stateDir(), []string{controlFile}
	var err error
	if r.Archive, err = archive.Restore(ctx, wanted); err != nil {
		return r, err
	}
	if err := complete(w.DataDir(), config.Owner); err != nil {
		return r, err
	}
	if err := give(config.Owner, w.DataDir(), w.TablespaceDir()); err != nil {
		return r, err
	}
	marker := cluster.NewMarker(w.Run)
	r.Incarnation = marker.Incarnation
	return r, cluster.WriteMarker(config.Owner, w.DataDir(), marker, false)
}

// complete makes the directories that a linked pg_wal leaves out of a set, and
// the mode PostgreSQL insists on.
func complete(dataDir string, owner pg.Owner) error {
	if err := owner.MkdirAll(filepath.Join(dataDir, "pg_wal", "archive_status")); err != nil {
		return err
	}
	return pg.ClassifyFile(os.Chmod(dataDir, 0o700), "set the mode of %s", dataDir) //nolint:gosec // a directory
}

// give hands a whole tree to the owner: user IDs of another host mean nothing here.
func give(owner pg.Owner, dirs ...string) error {
	if !owner.Switches() {
		return nil
	}
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid == owner.UID && stat.Gid == owner.GID {
				return nil
			}
			return owner.Give(path)
		})
		if err != nil {
			return pg.ClassifyFile(err, "give %s to its owner", dir)
		}
	}
	return nil
}
