package restore

import (
	"context"
	"os"
	"path/filepath"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

// Permission says why overwriting the damaged cluster is allowed. Exactly one
// field is given.
type Permission struct {
	LockedCopySet            string `json:"locked_copy_set,omitempty"`             // the set that holds the damaged state
	NoRollbackAcknowledgedBy string `json:"no_rollback_acknowledged_by,omitempty"` // who accepted that there is no way back
}

func (p Permission) check() error {
	if (p.LockedCopySet == "") == (p.NoRollbackAcknowledgedBy == "") {
		return failure.New(failure.Unsafe, "restoring over a cluster needs a locked copy of it, or somebody who says that there is no way back").
			WithHint("restore beside it instead, or back up the damaged state first")
	}
	return nil
}

// InPlaceRun names a restore over dataDir that a person asks for: base, or, where
// restores of that name have ended, base with the next number. One that was
// interrupted is gone on with; one that ended says nothing about the files of today.
func InPlaceRun(dataDir, base string) (string, error) {
	for n := 1; ; n++ {
		run := base
		if n > 1 {
			run += "-" + strconv.Itoa(n)
		}
		ended, err := hasEnded(asideOf(dataDir, run))
		if err != nil || !ended {
			return run, err
		}
	}
}

// asideOf is where a run keeps what it moves out of the way.
func asideOf(dataDir, run string) string { return dataDir + ".inplace-" + run }

// endedFile lies in the directory of a run that ended.
const endedFile = "ended"

func hasEnded(aside string) (bool, error) {
	_, err := os.Lstat(filepath.Join(aside, endedFile))
	if os.IsNotExist(err) {
		return false, nil
	}
	return err == nil, pg.ClassifyFile(err, "look into %s", aside)
}

// InPlace restores the set over the cluster's own directory: what is right on
// disk is kept, the rest fetched, what does not belong removed. run names the
// directory pg_wal is kept in; see InPlaceRun. Killed and run again it goes on: the
// identity was proved by the first call, which moved pg_control aside and left a
// note. Finished and run again under the same name it changes nothing, however far
// the cluster went since.
// Errors: Unsafe (no permission, server not proved dead), IdentityMismatch.
func InPlace(ctx context.Context, c *cluster.Cluster, want cluster.Expected, permission Permission, run string, config Config) (Restored, error) {
	if err := permission.check(); err != nil {
		return Restored{}, err
	}
	if err := c.RequireStopped(ctx); err != nil {
		return Restored{}, err
	}
	set, _, err := archive.Load(ctx, config.Archive.Stores, config.Archive.Source, config.Archive.SetID, config.Archive.Trusted)
	if err != nil {
		return Restored{}, err
	}
	restored := Restored{DataDir: c.DataDir, Tablespaces: map[uint32]string{}}
	links, err := restored.keepTablespaces(c, set.Descriptor, want)
	if err != nil {
		return restored, err
	}
	marker, found, err := cluster.ReadMarker(c.DataDir)
	if err != nil {
		return restored, err
	}
	aside := asideOf(c.DataDir, run)
	if found && marker.OriginRun == run {
		restored.Incarnation, restored.Again = marker.Incarnation, true
		return restored, c.Programs.Owner.WriteFile(filepath.Join(aside, endedFile), nil, 0o600)
	}
	if ended, err := hasEnded(aside); ended || err != nil {
		return restored, orEnded(err, c.DataDir, run)
	}
	if err := disarm(ctx, c, want, aside); err != nil {
		return restored, err
	}
	wanted := config.Archive
	wanted.Target, wanted.Map, wanted.Workspace, wanted.Last = c.DataDir, links, filepath.Join(aside, "state"), []string{controlFile}
	wanted.Delta, wanted.RemoveExtra = true, true
	if restored.Archive, err = archive.Restore(ctx, wanted); err != nil {
		return restored, err
	}
	if err := complete(c.DataDir, config.Owner); err != nil {
		return restored, err
	}
	if err := give(config.Owner, c.DataDir); err != nil {
		return restored, err
	}
	marker = cluster.NewMarker(run)
	restored.Incarnation = marker.Incarnation
	if err := cluster.WriteMarker(config.Owner, c.DataDir, marker, true); err != nil {
		return restored, err
	}
	return restored, c.Programs.Owner.WriteFile(filepath.Join(aside, endedFile), nil, 0o600)
}

func orEnded(err error, dataDir, run string) error {
	if err != nil {
		return err
	}
	return failure.New(failure.Refused, "run %s restored %s before, and something else restored it since", run, dataDir).
		WithHint("restore it under another name")
}

// keepTablespaces restores them where the links of this cluster point now.
func (r *Restored) keepTablespaces(c *cluster.Cluster, d *archive.Descriptor, want cluster.Expected) (map[string]string, error) {
	attributes := d.Attributes.Postgres
	if attributes == nil || attributes.SystemID != want.SystemID {
		return nil, failure.New(failure.IdentityMismatch, "set %s is no backup of system %s", d.Set, want.SystemID)
	}
	links := map[string]string{}
	for _, space := range attributes.Tablespaces {
		link := "pg_tblspc/" + strconv.FormatUint(uint64(space.OID), 10)
		place, err := os.Readlink(filepath.Join(c.DataDir, filepath.FromSlash(link)))
		if err != nil {
			place = space.Location
		}
		links[link], r.Tablespaces[space.OID] = place, place
	}
	return links, nil
}

// disarm makes the directory impossible to start before anything in it changes:
// pg_control goes aside, then pg_wal. The moved pg_control is the note that the
// identity was proved.
func disarm(ctx context.Context, c *cluster.Cluster, want cluster.Expected, aside string) error {
	owner := c.Programs.Owner
	if err := owner.MkdirAll(filepath.Join(aside, "state")); err != nil {
		return err
	}
	kept := filepath.Join(aside, "pg_control")
	if _, err := os.Lstat(kept); os.IsNotExist(err) {
		if _, err := c.Require(ctx, want); err != nil {
			return err
		}
		if err := move(filepath.Join(c.DataDir, filepath.FromSlash(controlFile)), kept); err != nil {
			return err
		}
	}
	walDir, walKept := filepath.Join(c.DataDir, "pg_wal"), filepath.Join(aside, "pg_wal")
	if _, err := os.Lstat(walKept); os.IsNotExist(err) {
		if err := move(walDir, walKept); err != nil {
			return err
		}
	}
	return nil
}

func move(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return pg.ClassifyFile(err, "move %s aside", from)
	}
	if err := pg.SyncDir(filepath.Dir(to)); err != nil {
		return err
	}
	return pg.SyncDir(filepath.Dir(from))
}
