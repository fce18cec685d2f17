package basebackup

import (
	"context"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Config says what to back up to where.
type Config struct {
	Cluster *cluster.Cluster
	Server  pg.Server        // a superuser, or pg_read_all_settings and EXECUTE on the backup functions
	Expect  cluster.Expected // the cluster meant
	Archive archive.Config   // Inspect is set here; SetID resumes
	// SpreadCheckpoint waits for a checkpoint paced by the server instead of an
	// immediate one: gentler, and slower to start.
	SpreadCheckpoint bool
	// WaitArchived returns when all WAL up to lsn on the timeline is in the stores.
	WaitArchived func(ctx context.Context, timeline wal.Timeline, lsn wal.LSN) error
}

// Result is a finished backup.
type Result struct {
	Descriptor *archive.Descriptor
	Stats      archive.Stats
	Damaged    bool // the source has bad pages: see Descriptor.Damage
	Resumed    bool // the set was committed by an earlier call
	Took       time.Duration
}

// Run makes one base backup. Run again with the same set ID: a committed set is
// completed in every store and returned, an uncommitted one is made from the
// parts already uploaded. Errors: IdentityMismatch; Refused (a standby,
// full_page_writes off, wal_level minimal); CheckFailed when the timeline
// changed under it; and those of archive.
func Run(ctx context.Context, config Config) (Result, error) {
	begin := time.Now()
	if config.WaitArchived == nil {
		return Result{}, failure.Invalid("wait_archived", "must be given: a backup whose WAL is not archived restores nothing")
	}
	if _, err := config.Cluster.Require(ctx, config.Expect); err != nil {
		return Result{}, err
	}
	conn, err := config.Server.Connect(ctx)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // ends the backup on the server too
	facts, err := ask(ctx, conn)
	if err != nil {
		return Result{}, err
	}
	if err := facts.allow(config); err != nil {
		return Result{}, err
	}
	b := &backup{config: config, conn: conn, facts: facts}
	result, err := b.run(ctx)
	result.Took = time.Since(begin)
	return result, err
}

type backup struct {
	config Config
	conn   *pgx.Conn
	facts  facts
	writer *archive.Writer
	roots  []*os.Root
	start  point
	stop   point
}

func (b *backup) run(ctx context.Context) (Result, error) {
	settings := b.config.Archive
	if b.facts.checksums {
		settings.Inspect = inspector{root: b.config.Cluster.DataDir, blocksPerFile: b.facts.blocksPerFile}.inspect
	}
	if settings.TotalBytes == 0 {
		settings.TotalBytes = b.facts.sizeBytes
	}
	var err error
	b.writer, err = archive.NewWriter(ctx, settings)
	if failure.Is(err, failure.Exists) {
		return finish(ctx, settings)
	}
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = b.writer.Close() }() // after Commit it only closes files
	defer b.closeRoots()
	if err := b.copy(ctx); err != nil {
		return Result{}, err
	}
	if err := b.config.WaitArchived(ctx, b.start.timeline, b.stop.lsn); err != nil {
		return Result{}, failure.Wrap(failure.ClassOf(err), err, "wait for the backup's WAL to be archived")
	}
	descriptor, stats, err := b.writer.Commit(ctx, archive.Attributes{Postgres: b.attributes()})
	if err != nil {
		return Result{}, err
	}
	return Result{Descriptor: descriptor, Stats: stats, Damaged: descriptor.Damaged}, nil
}

// finish returns a set that an earlier call committed, in every store.
func finish(ctx context.Context, settings archive.Config) (Result, error) {
	done, err := archive.Finish(ctx, settings.Stores, settings.Source, settings.SetID, settings.Trusted)
	if err != nil {
		return Result{}, err
	}
	return Result{Descriptor: done.Descriptor, Damaged: done.Descriptor.Damaged, Resumed: true}, nil
}

// copy does everything between start and stop, then what is known only then.
func (b *backup) copy(ctx context.Context) error {
	if err := b.begin(ctx); err != nil {
		return err
	}
	if err := b.addFiles(ctx); err != nil {
		return err
	}
	if err := b.addControl(ctx); err != nil {
		return err
	}
	label, err := b.end(ctx)
	if err != nil {
		return err
	}
	if err := b.writer.AddBytes(ctx, "backup_label", []byte(label)); err != nil {
		return err
	}
	manifest, err := b.manifest(time.Now().UTC())
	if err != nil {
		return err
	}
	return b.writer.AddBytes(ctx, "backup_manifest", manifest)
}

func (b *backup) attributes() *archive.Postgres {
	return &archive.Postgres{
		SystemID: b.facts.systemID, Timeline: b.start.timeline, StartLSN: b.start.lsn, StopLSN: b.stop.lsn,
		CheckpointLSN: b.start.checkpoint, StartTime: b.start.at, StopTime: b.stop.at, VersionNum: b.facts.versionNum,
		SegmentSize: b.facts.segmentSize, DataChecksums: b.facts.checksums, Tablespaces: b.facts.tablespaces,
		DatabaseSystem: b.facts.version,
	}
}

func (b *backup) closeRoots() {
	for _, root := range b.roots {
		_ = root.Close() // only read
	}
}
