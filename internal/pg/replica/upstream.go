package replica

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// requirePrimary proves system, timeline and role of whoever answers.
func (r *rebuild) requirePrimary(ctx context.Context, conn *pgx.Conn) error {
	var system, timeline int64
	var standby bool
	err := conn.QueryRow(ctx, `SELECT system_identifier, timeline_id::int8, pg_is_in_recovery()
		FROM pg_control_system(), pg_control_checkpoint()`).Scan(&system, &timeline, &standby)
	if err != nil {
		return pg.Classify(err, "ask the primary for its identity")
	}
	if standby {
		return failure.New(failure.Refused, "%s is a standby, not the primary", r.config.Admin)
	}
	if wal.SystemID(uint64(system)) != r.config.Primary.SystemID || wal.Timeline(timeline) != r.config.Timeline {
		return failure.New(failure.IdentityMismatch, "%s is system %d on timeline %d; expected system %s on timeline %d",
			r.config.Admin, uint64(system), timeline, r.config.Primary.SystemID, r.config.Timeline).
			WithHint("check which server answers there; nothing was changed")
	}
	return nil
}

// requireSpace: old and new replica lie side by side.
func (r *rebuild) requireSpace(ctx context.Context, conn *pgx.Conn) error {
	need, err := pg.One[int64](ctx, conn, "ask for sizes", "SELECT coalesce(sum(pg_database_size(oid)), 0)::int8 FROM pg_database")
	if err != nil {
		return err
	}
	parent := filepath.Dir(r.config.dataDir())
	free, err := pg.FreeBytes(parent)
	if err != nil {
		return err
	}
	if free < need {
		return failure.New(failure.InsufficientSpace, "%s has %d bytes free; a copy of the primary needs %d beside the old replica", parent, free, need).
			WithHint("free %d bytes there", need-free)
	}
	return nil
}

// releaseLimit is how long the primary may take to end an abandoned copy.
const releaseLimit = 10 * time.Second

// makeSlot makes the physical slot unless it is there, and ends an earlier copy
// of this run that still holds it. A logical slot of that name is Exists; one
// that somebody else uses is Unavailable.
func (r *rebuild) makeSlot(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, releaseLimit)
	defer cancel()
	what := "slot " + r.config.Slot + " to be free: another replica may have the name"
	return pg.Poll(ctx, what, pollInterval, func(ctx context.Context) (bool, error) {
		var kind string
		var active bool
		err := conn.QueryRow(ctx, "SELECT slot_type, active FROM pg_replication_slots WHERE slot_name = $1", r.config.Slot).Scan(&kind, &active)
		err = pg.Classify(err, "look for slot %s", r.config.Slot)
		switch {
		case failure.Is(err, failure.NotFound):
			return true, pg.Exec(ctx, conn, "make slot "+r.config.Slot, "SELECT pg_create_physical_replication_slot($1, true)", r.config.Slot)
		case err != nil:
			return false, err
		case kind != "physical":
			return false, failure.New(failure.Exists, "slot %s on %s is %s", r.config.Slot, r.config.Admin, kind)
		case active:
			return false, r.freeSlot(ctx, conn)
		}
		return true, nil
	})
}

// freeSlot ends the session of an abandoned copy: pg_basebackup's second process
// outlives a killed first one, and holds the slot for good. It is told by a name
// that only this run's copies have, and this run's lock says that none is at work.
func (r *rebuild) freeSlot(ctx context.Context, conn *pgx.Conn) error {
	return pg.Exec(ctx, conn, "end an abandoned copy", `SELECT pg_terminate_backend(a.pid) FROM pg_replication_slots s
		JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1 AND a.application_name = $2`, r.config.Slot, r.copyName())
}

// copyName is the copy's application_name. PostgreSQL cuts names at 63 bytes, and
// the slot's alone may have as many.
func (r *rebuild) copyName() string {
	sum := sha256.Sum256([]byte(r.config.dataDir() + "\x00" + r.config.Run))
	return "holdfast_copy_" + hex.EncodeToString(sum[:12])
}

// dropSlot returns why the slot is still there, or "". The primary may be gone or
// another cluster by now; then its slot is no longer this replica's business.
func (r *rebuild) dropSlot(ctx context.Context) string {
	err := r.config.Admin.Do(ctx, func(conn *pgx.Conn) error {
		if err := r.requirePrimary(ctx, conn); err != nil {
			return err
		}
		return pg.Exec(ctx, conn, "drop slot "+r.config.Slot,
			"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active", r.config.Slot)
	})
	if err != nil {
		return err.Error()
	}
	return ""
}

// upstreamConninfo is the connection string without a password; the passfile has it.
func (r *rebuild) upstreamConninfo(name string) string {
	return r.config.Upstream.Conninfo() + " application_name=" + name + " passfile=" + conninfo.Quote(r.config.passFile())
}

// writePassFile writes libpq's password file. It stays: the replica reads it at
// every reconnect.
func (r *rebuild) writePassFile(owner pg.Owner) error {
	password := r.config.Upstream.Password.Reveal()
	if strings.ContainsAny(password, "\n\r") {
		return failure.Invalid("upstream.password", "a password file cannot hold a line break")
	}
	up := r.config.Upstream
	var fields []string
	for _, field := range []string{up.Host, strconv.Itoa(up.Port), "*", up.User, password} {
		if field != "*" {
			field = strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(field)
		}
		fields = append(fields, field)
	}
	return owner.WriteFile(r.config.passFile(), []byte(strings.Join(fields, ":")+"\n"), 0o600)
}
