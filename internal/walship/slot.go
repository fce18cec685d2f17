package walship

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// ensureSlot makes sure that the physical slot is there and returns the position
// it keeps; 0 when it keeps none yet. A slot that lost its WAL is dropped and made
// anew, at the last checkpoint. Twice changes nothing.
func (t *tail) ensureSlot(ctx context.Context) (wal.LSN, error) {
	secured, err := conninfo.Secure(t.conn)
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, secured)
	if err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "connect to look at the slot")
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // read or done
	t.warnUnbounded(ctx, conn)
	slot := t.settings.Tail.Slot
	var restart *string
	var status *string
	err = conn.QueryRow(ctx, `SELECT restart_lsn::text, wal_status FROM pg_replication_slots WHERE slot_name = $1`, slot).Scan(&restart, &status)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return t.createSlot(ctx, conn)
	case err != nil:
		return 0, failure.Wrap(failure.Unavailable, err, "look at slot %s", slot)
	case status != nil && *status == "lost":
		t.report.note(EventTailGap, "", slot, "the slot fell behind max_slot_wal_keep_size and is made anew")
		if _, err := conn.Exec(ctx, `SELECT pg_drop_replication_slot($1)`, slot); err != nil {
			return 0, failure.Wrap(failure.Unavailable, err, "drop lost slot %s", slot)
		}
		return t.createSlot(ctx, conn)
	case restart == nil:
		return 0, nil
	}
	return wal.ParseLSN(*restart)
}

func (t *tail) createSlot(ctx context.Context, conn *pgx.Conn) (wal.LSN, error) {
	var from string
	err := conn.QueryRow(ctx, `SELECT lsn::text FROM pg_create_physical_replication_slot($1, true)`, t.settings.Tail.Slot).Scan(&from)
	if err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "create slot %s", t.settings.Tail.Slot)
	}
	return wal.ParseLSN(from)
}

// warnUnbounded reports a server whose slots may fill pg_wal and stop it.
func (t *tail) warnUnbounded(ctx context.Context, conn *pgx.Conn) {
	var limit string
	err := conn.QueryRow(ctx, `SHOW max_slot_wal_keep_size`).Scan(&limit)
	switch {
	case err != nil || limit == "-1":
		t.report.raise(EventSlotUnbound, "", t.settings.Tail.Slot,
			"max_slot_wal_keep_size is not set: while no store answers, the slot keeps WAL until pg_wal is full and the primary stops")
	default:
		t.report.clear(EventSlotUnbound, EventSlotUnbound, "", "max_slot_wal_keep_size is "+limit)
	}
}
