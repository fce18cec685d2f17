package scenario

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Kind is one of three ways to damage a database.
type Kind string

// The kinds of damage.
const (
	Delete Kind = "delete" // a bad migration: half of a table deleted, another one overwritten
	Bytes  Kind = "bytes"  // bytes of a heap file changed below the database
	Drop   Kind = "drop"   // a table dropped
)

// ParseKind reads a kind; empty is Delete.
func ParseKind(text string) (Kind, error) {
	switch kind := Kind(text); kind {
	case "":
		return Delete, nil
	case Delete, Bytes, Drop:
		return kind, nil
	default:
		return "", failure.Invalid("DAMAGE", "%.40q is none of %s, %s, %s", text, Delete, Bytes, Drop).
			WithHint("make demo DAMAGE=%s", Drop)
	}
}

// Damage is what was done, where in the log, and when. A recovery must stop at or
// after Before and at or before After.
type Damage struct {
	Kind   Kind
	What   string // a sentence
	Rows   []Rows // what it did to which table, as the database answered
	Before wal.LSN
	After  wal.LSN
	Began  time.Time // what was acknowledged by then lies before it in the log
	At     time.Time // when it was done; both by this process's clock
}

// Rows are the row changes of one table.
type Rows struct {
	Table            string // schema.name
	Deleted, Updated int64
}

// Damage damages the database. What was there before is remembered for Judge.
func (s *Scenario) Damage(ctx context.Context, kind Kind) (Damage, error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return Damage{}, err
	}
	defer func() { _ = conn.Close(ctx) }() // everything has been answered
	if s.before, err = count(ctx, conn); err != nil {
		return Damage{}, err
	}
	done := Damage{Kind: kind}
	switch kind {
	case Delete:
		done.What = "a bad migration deletes every second result and empties the parameters of all experiments"
		err = done.transaction(ctx, conn, "DELETE FROM results WHERE id % 2 = 0", "UPDATE experiments SET parameters = '{}'")
	case Drop:
		done.What = "a bad migration drops the table of all models"
		err = done.transaction(ctx, conn, "DROP TABLE models CASCADE")
	case Bytes:
		err = done.flip(ctx, conn, s.Primary.DataDir)
	}
	return done, err
}

// transaction runs statements in one transaction and notes where it lies in the
// log. Recovery stops before the first lock of one that drops a table: under that
// lock nothing of the table could be checked. Else it stops before the commit.
func (d *Damage) transaction(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	began := time.Now().UTC()
	first, err := position(ctx, conn)
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, statement := range statements {
			done, err := tx.Exec(ctx, statement)
			if err != nil {
				return failure.Wrap(failure.Unavailable, err, "damage: %s", statement)
			}
			d.note(statement, done)
		}
		var err error
		d.Began = time.Now().UTC()
		d.Before, err = position(ctx, tx)
		return err
	})
	if err != nil {
		return failure.Wrap(failure.ClassOf(err), err, "damage the database")
	}
	if d.Kind == Drop {
		d.Began, d.Before = began, first
	}
	d.At = time.Now().UTC()
	d.After, err = position(ctx, conn)
	return err
}

// note remembers how many rows a statement changed.
func (d *Damage) note(statement string, done pgconn.CommandTag) {
	words := strings.Fields(statement)
	switch {
	case done.Delete():
		d.Rows = append(d.Rows, Rows{Table: "public." + words[2], Deleted: done.RowsAffected()})
	case done.Update():
		d.Rows = append(d.Rows, Rows{Table: "public." + words[1], Updated: done.RowsAffected()})
	}
}

// flip changes 64 bytes in the middle of the table of results, in the file
// itself. After a checkpoint nothing in memory will be written over them: the
// application only appends to another table.
func (d *Damage) flip(ctx context.Context, conn *pgx.Conn, dataDir string) error {
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return failure.Wrap(failure.Unavailable, err, "write out what is in memory")
	}
	var path string
	var blocks, blockBytes int64
	err := conn.QueryRow(ctx, `SELECT pg_relation_filepath('results'), pg_relation_size('results') / current_setting('block_size')::bigint,
		current_setting('block_size')::bigint`).Scan(&path, &blocks, &blockBytes)
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "find the file of a table")
	}
	block := min(blocks/2, 60_000) // within the first file of 1 GiB
	if err := invert(filepath.Join(dataDir, path), block*blockBytes+blockBytes/2); err != nil {
		return err
	}
	d.What = fmt.Sprintf("64 bytes in block %d of table results are changed on the disk, below the database", block)
	d.At = time.Now().UTC()
	d.Began = d.At
	if d.Before, err = position(ctx, conn); err == nil {
		d.After = d.Before
	}
	return err
}

func invert(path string, offset int64) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "open a table's file")
	}
	bytes := make([]byte, 64)
	_, err = file.ReadAt(bytes, offset)
	for i := range bytes {
		bytes[i] = ^bytes[i]
	}
	if err == nil {
		_, err = file.WriteAt(bytes, offset)
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	return failure.Wrap(failure.Unavailable, err, "change bytes of %s", path)
}

// querier is a connection or a transaction.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func position(ctx context.Context, q querier) (wal.LSN, error) {
	var text string
	if err := q.QueryRow(ctx, "SELECT pg_current_wal_insert_lsn()::text").Scan(&text); err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "ask for the position in the log")
	}
	return wal.ParseLSN(text)
}
