package inspect

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// questionLimit bounds one question: a server whose disks hang answers some and
// not others.
const questionLimit = 10 * time.Second

const maxRows = 10_000

// settings are those that decide how safe the cluster is.
const settingNames = `'archive_command','archive_library','archive_mode','archive_timeout','data_checksums','full_page_writes','fsync',
	'hot_standby','listen_addresses','max_connections','max_replication_slots','max_slot_wal_keep_size','max_wal_senders','port',
	'server_version','synchronous_commit','synchronous_standby_names','wal_keep_size','wal_level','wal_log_hints','ssl','shared_preload_libraries'`

// Inspect asks every question; see Report. It never fails, and changes nothing
// however often it runs.
func Inspect(ctx context.Context, server pg.Server) Report {
	report := Report{Probed: Probe(ctx, server)}
	if report.Reach != Reachable {
		return report
	}
	for _, q := range questions() {
		if err := ask(ctx, server, q, &report); err != nil {
			report.UnknownFields = append(report.UnknownFields, Unanswered{Question: q.name, Reason: err.Error()})
		}
	}
	return report
}

// question fills its part of the report. Each has a session of its own, so that
// one that hangs or kills its backend leaves the others answered.
type question struct {
	name string
	fill func(context.Context, *pgx.Conn, *Report) error
}

func questions() []question {
	return []question{
		{"identity", identity},
		{"position", position},
		{"clock", clock},
		{"databases", databases},
		{"archiver", archiver},
		{"replicas", replicas},
		{"settings", settings},
		{"space", space},
	}
}

func ask(ctx context.Context, server pg.Server, q question, report *Report) error {
	ctx, cancel := context.WithTimeout(ctx, questionLimit)
	defer cancel()
	return server.Do(ctx, func(conn *pgx.Conn) error { return q.fill(ctx, conn, report) })
}

func identity(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var system int64
	var timeline int32
	var sums string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, s.system_identifier, c.timeline_id,
		pg_is_in_recovery(), current_setting('data_checksums'), current_setting('data_directory')
		FROM pg_control_system() s, pg_control_checkpoint() c`).
		Scan(&r.Version, &system, &timeline, &r.InRecovery, &sums, &r.DataDir)
	if err != nil {
		return pg.Classify(err, "ask for identity")
	}
	r.SystemID, r.Timeline, r.Checksums = wal.SystemID(uint64(system)), wal.Timeline(timeline), sums == "on"
	if !r.InRecovery {
		r.Timeline, err = pg.LiveTimeline(ctx, conn)
	}
	return err
}

func position(ctx context.Context, conn *pgx.Conn, r *Report) error {
	text, err := pg.One[*string](ctx, conn, "ask for the position", `SELECT CASE WHEN pg_is_in_recovery()
		THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_insert_lsn() END::text`)
	if err != nil {
		return err
	}
	if text == nil {
		return failure.New(failure.Unknown, "the server has replayed nothing yet")
	}
	r.LSN, err = wal.ParseLSN(*text)
	return err
}

func clock(ctx context.Context, conn *pgx.Conn, r *Report) error {
	before := time.Now()
	at, err := pg.One[time.Time](ctx, conn, "ask for the clock", "SELECT clock_timestamp()")
	took := time.Since(before)
	r.At, r.ClockError = at.UTC(), took/2
	r.ClockOffset = at.Sub(before.Add(took / 2))
	return err
}

func databases(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var err error
	r.Databases, err = pg.Rows[Database](ctx, conn, maxRows, "ask for databases",
		`SELECT d.datname AS name, pg_database_size(d.oid) AS size_bytes, s.checksum_failures, s.checksum_last_failure AS last_failure
		FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid`)
	r.SizeBytes = 0
	for _, database := range r.Databases {
		r.SizeBytes += database.SizeBytes
	}
	return err
}

func archiver(ctx context.Context, conn *pgx.Conn, r *Report) error {
	rows, err := pg.Rows[Archiver](ctx, conn, 1, "ask the archiver", `SELECT archived_count AS archived, last_archived_wal AS last_archived,
		last_archived_time AS last_at, failed_count AS failed, last_failed_wal AS last_failed, last_failed_time AS last_failed_at
		FROM pg_stat_archiver`)
	if err == nil && len(rows) == 1 {
		r.Archiver = rows[0]
	}
	return err
}

func replicas(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var err error
	r.Replicas, err = pg.Rows[Replica](ctx, conn, maxRows, "ask for replicas", `SELECT coalesce(application_name, '') AS name,
		coalesce(client_addr::text, 'local') AS address, coalesce(state, 'unknown') AS state, coalesce(sync_state, 'unknown') AS sync,
		pg_wal_lsn_diff(sent_lsn, replay_lsn)::bigint AS lag_bytes, coalesce(extract(epoch FROM replay_lag), 0)::float8 AS lag_seconds,
		coalesce(state, '') = 'backup' AS base_backup
		FROM pg_stat_replication`)
	return err
}

func settings(ctx context.Context, conn *pgx.Conn, r *Report) error {
	var err error
	r.Settings, err = pg.Rows[Setting](ctx, conn, maxRows, "ask for settings",
		"SELECT name, current_setting(name) AS value FROM pg_settings WHERE name IN ("+settingNames+") ORDER BY name")
	return err
}

func space(_ context.Context, _ *pgx.Conn, r *Report) error {
	if r.DataDir == "" {
		return failure.New(failure.Unknown, "the data directory is not known")
	}
	var err error
	r.FreeBytes, err = pg.FreeBytes(r.DataDir)
	return err
}
