package basebackup

import (
	"context"
	"os"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// facts are what the server says before the backup begins.
type facts struct {
	systemID      wal.SystemID
	versionNum    int
	version       string
	segmentSize   wal.SegmentSize
	blocksPerFile int
	checksums     bool
	recovering    bool
	fullPages     string
	walLevel      string
	dataDir       string
	tablespaces   []archive.Tablespace
	sizeBytes     int64 // of the databases whose size this role may know
}

func ask(ctx context.Context, conn *pgx.Conn) (facts, error) {
	var f facts
	var system, segment int64
	var sums string
	err := conn.QueryRow(ctx, `SELECT s.system_identifier, current_setting('server_version_num')::int, version(), i.bytes_per_wal_segment::bigint,
		i.blocks_per_segment, current_setting('data_checksums'), pg_is_in_recovery(), current_setting('full_page_writes'),
		current_setting('wal_level'), current_setting('data_directory'),
		(SELECT coalesce(sum(pg_database_size(oid)), 0)::bigint FROM pg_database
			WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role('pg_read_all_stats', 'USAGE'))
		FROM pg_control_system() s, pg_control_init() i`).
		Scan(&system, &f.versionNum, &f.version, &segment, &f.blocksPerFile, &sums, &f.recovering, &f.fullPages, &f.walLevel, &f.dataDir, &f.sizeBytes)
	if err != nil {
		return facts{}, pg.Classify(err, "ask the server before a backup")
	}
	f.systemID, f.segmentSize, f.checksums = wal.SystemID(uint64(system)), wal.SegmentSize(segment), sums == "on"
	f.tablespaces, err = tablespaces(ctx, conn)
	return f, err
}

func tablespaces(ctx context.Context, conn *pgx.Conn) ([]archive.Tablespace, error) {
	type row struct {
		OID      uint32 `db:"oid"`
		Name     string `db:"name"`
		Location string `db:"location"`
	}
	rows, err := pg.Rows[row](ctx, conn, 100_000, "list tablespaces", `SELECT oid::bigint AS oid, spcname::text AS name,
		pg_tablespace_location(oid) AS location FROM pg_tablespace WHERE pg_tablespace_location(oid) LIKE '/%' ORDER BY oid`)
	var found []archive.Tablespace
	for _, r := range rows {
		found = append(found, archive.Tablespace(r))
	}
	return found, err
}

// allow refuses what would not restore.
func (f facts) allow(config Config) error {
	if f.systemID != config.Expect.SystemID || !sameDir(f.dataDir, config.Cluster.DataDir) {
		return failure.New(failure.IdentityMismatch, "the server is system %s in %s; expected system %s in %s",
			f.systemID, f.dataDir, config.Expect.SystemID, config.Cluster.DataDir)
	}
	switch {
	case f.recovering:
		return failure.New(failure.Refused, "%s is a standby; base backups are taken from the primary", config.Server).
			WithHint("run the backup on the primary's host")
	case f.fullPages != "on":
		return failure.New(failure.Refused, "full_page_writes is %s: pages torn while they are read could not be repaired", f.fullPages).
			WithHint("ALTER SYSTEM SET full_page_writes = on; SELECT pg_reload_conf()")
	case f.walLevel == "minimal":
		return failure.New(failure.Refused, "wal_level is minimal: a backup could not be brought to consistency").
			WithHint("ALTER SYSTEM SET wal_level = replica, and restart")
	}
	return nil
}

func sameDir(a, b string) bool {
	one, errOne := os.Stat(a)
	other, errOther := os.Stat(b)
	return errOne == nil && errOther == nil && os.SameFile(one, other)
}
