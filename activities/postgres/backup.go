package postgres

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/basebackup"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
)

// archivePatience is how long a finished backup waits for its WAL.
const archivePatience = 10 * time.Minute

func (a *Activities) backUp(ctx context.Context, in BackupInput, trial *trial) (BackedUp, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return BackedUp{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return BackedUp{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return BackedUp{}, err
	}
	identity, err := c.Require(ctx, expected(in.Expect))
	if err != nil {
		return BackedUp{}, err
	}
	log := walship.Cluster{Source: t.database.Name, SystemID: identity.SystemID, SegmentSize: identity.SegmentSize, Stores: a.Stores}
	into := a.archiveConfig(t, in)
	into.Progress = func(p archive.Progress) {
		trial.note(p)
		beat.Report(p)
	}
	owner := c.Programs.Owner
	if err := owner.MkdirAll(into.StateDir); err != nil {
		return BackedUp{}, err
	}
	result, err := basebackup.Run(ctx, basebackup.Config{
		Cluster: c, Server: server, Expect: expected(in.Expect), Archive: into,
		WaitArchived: func(ctx context.Context, tli wal.Timeline, lsn wal.LSN) error {
			return waitArchived(ctx, log, tli, lsn)
		},
	})
	if err != nil {
		return BackedUp{}, err
	}
	set, _, err := archive.Load(ctx, a.Stores, t.database.Name, result.Descriptor.Set, a.Trust)
	if err != nil {
		return BackedUp{}, failure.Wrap(failure.ClassOf(err), err, "read the new set back from the stores")
	}
	summary, _ := catalog.Summarize(set)
	return BackedUp{Set: summary, Took: result.Took, Reused: result.Descriptor.Totals.ReusedBytes}, nil
}

// archiveConfig is where and how this host's backups of a database go. The set's
// ID comes from the run, so that a retry resumes the set it began.
func (a *Activities) archiveConfig(t target, in BackupInput) archive.Config {
	kind := archive.Incremental
	if in.Full {
		kind = archive.Full
	}
	mode := keyring.CFB
	if a.Plan.Encryption.AEAD {
		mode = keyring.GCM
	}
	backup := t.database.Backup
	return archive.Config{
		Source: t.database.Name, SetID: setID(t.run, in.Began, kind), Kind: kind, Stores: a.Stores, StateDir: filepath.Join(a.StateDir, "archive", t.database.Name),
		Recipients: a.Recipients, Signer: a.Signer, Trusted: a.Trust, Mode: mode,
		MaxIncrements: backup.MaxIncrements, MaxChainAge: backup.FullInterval.Std(),
		RetainUntil:        binding.RetainUntil(a.Plan, time.Now()),
		ReadBytesPerSecond: int64(backup.ThrottlePerSecond), Log: a.Log,
	}
}

// waitArchived returns when the segment that ends before lsn is in a store.
func waitArchived(ctx context.Context, log walship.Cluster, tli wal.Timeline, lsn wal.LSN) error {
	ctx, cancel := context.WithTimeout(ctx, archivePatience)
	defer cancel()
	segment := segmentOf(log.SegmentSize, tli, lsn)
	return waitFor(ctx, describeSegment(log.SegmentSize, segment), func(ctx context.Context) (bool, error) {
		_, err := walship.Prove(ctx, log, []wal.Range{rangeOf(segment)})
		if failure.Is(err, failure.WALGap) || failure.Is(err, failure.Unavailable) {
			return false, nil // not yet
		}
		return err == nil, err
	})
}

// ProveArchiving ends a segment on the serving cluster's timeline and waits until
// a store has it: not the setting but the WAL itself says that backups flow (L14).
// Run twice it ends one more segment.
func (a *Activities) ProveArchiving(ctx context.Context, in ArchiveInput) (Archived, error) {
	archived, err := a.proveArchiving(ctx, in)
	return archived, boundary.Out(err)
}

func (a *Activities) proveArchiving(ctx context.Context, in ArchiveInput) (Archived, error) {
	defer pulse.Start(ctx).Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Archived{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return Archived{}, err
	}
	identity, err := c.Require(ctx, expected(in.Expect))
	if err != nil {
		return Archived{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return Archived{}, err
	}
	end, err := switchWAL(ctx, server)
	if err != nil {
		return Archived{}, err
	}
	log := walship.Cluster{Source: t.database.Name, SystemID: identity.SystemID, SegmentSize: identity.SegmentSize, Stores: a.Stores}
	if err := waitArchived(ctx, log, in.Expect.Timeline, end); err != nil {
		return Archived{}, err
	}
	segment := segmentOf(identity.SegmentSize, in.Expect.Timeline, end)
	located, err := walship.Prove(ctx, log, []wal.Range{rangeOf(segment)})
	if err != nil {
		return Archived{}, err
	}
	return Archived{Segment: located[0].Name, Stores: located[0].Stores, At: time.Now().UTC()}, nil
}

// switchWAL writes a record and ends the segment it is in; it returns the
// position of that record's end.
func switchWAL(ctx context.Context, server pg.Server) (wal.LSN, error) {
	var text string
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		var err error
		text, err = pg.One[string](ctx, conn, "end a WAL segment",
			"SELECT pg_switch_wal()::text FROM pg_create_restore_point('holdfast proves archiving')")
		return err
	})
	if err != nil {
		return 0, err
	}
	return wal.ParseLSN(text)
}

// setID names the set of one run. It sorts by time like any other: the run's own
// identifier only makes the random part.
func setID(run string, began time.Time, kind archive.Kind) archive.SetID {
	made := string(archive.NewSetID(began, kind))
	return archive.SetID(made[:len(made)-8] + strings.TrimPrefix(ShortRun(run), "run-")[:8])
}
