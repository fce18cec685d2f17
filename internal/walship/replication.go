package walship

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// replication is a physical replication connection: the few messages of
// PostgreSQL's "Streaming Replication Protocol" that a tail needs.
type replication struct {
	conn *pgconn.PgConn
	kept wal.LSN // where the slot stands
}

// identity is the answer to IDENTIFY_SYSTEM.
type identity struct {
	system   wal.SystemID
	timeline wal.Timeline
	flushed  wal.LSN
}

func openReplication(ctx context.Context, conn string) (*replication, error) {
	conn, err := conninfo.Secure(conn)
	if err != nil {
		return nil, err
	}
	cfg, err := pgconn.ParseConfig(conn)
	if err != nil {
		// The library's message may repeat the connection string, which holds a password.
		return nil, failure.Invalid("database.conn", "is not a libpq connection string")
	}
	cfg.RuntimeParams["replication"] = "true"
	cfg.RuntimeParams["application_name"] = "holdfast_tail"
	connection, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "connect for replication")
	}
	return &replication{conn: connection}, nil
}

func (r *replication) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.conn.Close(ctx) // the server notices either way
}

// row runs a replication command and returns the one row it answers.
func (r *replication) row(ctx context.Context, command string, columns int) ([]string, error) {
	results, err := r.conn.Exec(ctx, command).ReadAll()
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "%s", command)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) < columns {
		return nil, failure.New(failure.Unknown, "%s: an answer of another shape than documented", command)
	}
	row := make([]string, 0, columns)
	for _, value := range results[0].Rows[0] {
		row = append(row, string(value))
	}
	return row, nil
}

func (r *replication) identify(ctx context.Context) (identity, error) {
	row, err := r.row(ctx, "IDENTIFY_SYSTEM", 3)
	if err != nil {
		return identity{}, err
	}
	var id identity
	tli, errTimeline := strconv.ParseUint(row[1], 10, 32)
	errSystem := id.system.UnmarshalText([]byte(row[0]))
	id.flushed, err = wal.ParseLSN(row[2])
	id.timeline = wal.Timeline(tli)
	return id, failure.Wrap(failure.Unknown, errors.Join(errSystem, errTimeline, err), "read IDENTIFY_SYSTEM")
}

// history returns a timeline's history file.
func (r *replication) history(ctx context.Context, tli wal.Timeline) ([]byte, error) {
	row, err := r.row(ctx, fmt.Sprintf("TIMELINE_HISTORY %d", tli), 2)
	if err != nil {
		return nil, err
	}
	return []byte(row[1]), nil
}

// start begins streaming at position from on a timeline. done is true when the
// server has nothing there: from is exactly where the timeline ended.
func (r *replication) start(ctx context.Context, slot string, from wal.LSN, tli wal.Timeline) (done bool, err error) {
	command := fmt.Sprintf("START_REPLICATION SLOT %s PHYSICAL %s TIMELINE %d", slot, from, tli)
	r.conn.Frontend().Send(&pgproto3.Query{String: command})
	if err := r.conn.Frontend().Flush(); err != nil {
		return false, failure.Wrap(failure.Unavailable, err, "start replication")
	}
	for {
		message, err := r.conn.ReceiveMessage(ctx)
		if err != nil {
			return false, failure.Wrap(failure.Unavailable, err, "start replication")
		}
		switch m := message.(type) {
		case *pgproto3.CopyBothResponse:
			return false, nil
		case *pgproto3.ErrorResponse:
			return false, serverError(m, command)
		case *pgproto3.ReadyForQuery:
			return true, nil
		}
	}
}

// codeRemoved is what the server says of WAL it no longer has (ERRCODE_UNDEFINED_FILE).
const codeRemoved = "58P01"

// serverError keeps the SQLSTATE in the chain for those who ask.
func serverError(m *pgproto3.ErrorResponse, doing string) error {
	return failure.Wrap(failure.Unavailable, pgconn.ErrorResponseToPgError(m), "%s", doing)
}

func hasCode(err error, code string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && answer.Code == code
}

// message is one thing the server sent while streaming.
type message struct {
	data     []byte // WAL, beginning at start; nil for the others
	start    wal.LSN
	end      wal.LSN // how far the server has written
	reply    bool    // the server asks for a status now
	finished bool    // the timeline ends here
}

// errQuiet says that nothing arrived before the deadline.
var errQuiet = errors.New("nothing arrived")

// receive waits until deadline for the next message. data is only valid until
// the next call.
func (r *replication) receive(ctx context.Context, deadline time.Time) (message, error) {
	waiting, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	received, err := r.conn.ReceiveMessage(waiting)
	if err != nil {
		if pgconn.Timeout(err) && ctx.Err() == nil && !r.conn.IsClosed() {
			return message{}, errQuiet
		}
		return message{}, failure.Wrap(failure.Unavailable, err, "receive WAL")
	}
	switch m := received.(type) {
	case *pgproto3.CopyData:
		return decode(m.Data)
	case *pgproto3.CopyDone:
		return message{finished: true}, nil
	case *pgproto3.ErrorResponse:
		return message{}, serverError(m, "receive WAL")
	default:
		return message{}, nil
	}
}

const (
	walDataHead   = 1 + 8 + 8 + 8 // XLogData: type, start, end, time
	keepaliveSize = 1 + 8 + 8 + 1 // primary keepalive: type, end, time, reply
)

// decode reads the payload of one CopyData message.
func decode(payload []byte) (message, error) {
	switch {
	case len(payload) > walDataHead && payload[0] == 'w':
		return message{start: lsnAt(payload, 1), end: lsnAt(payload, 9), data: payload[walDataHead:]}, nil
	case len(payload) == keepaliveSize && payload[0] == 'k':
		return message{end: lsnAt(payload, 1), reply: payload[keepaliveSize-1] == 1}, nil
	case len(payload) == walDataHead && payload[0] == 'w':
		return message{}, nil
	}
	return message{}, failure.New(failure.Corrupt, "a replication message of %d bytes is none that is documented", len(payload))
}

func lsnAt(payload []byte, at int) wal.LSN { return wal.LSN(binary.BigEndian.Uint64(payload[at:])) }

// postgresEpoch is 2000-01-01, from which PostgreSQL counts microseconds.
const postgresEpoch = 946_684_800_000_000

// acknowledge tells the server what was received and what is safe. The slot
// keeps everything behind safe. It never goes back: the server would take WAL that it
// no longer promised to keep for lost; position 0 leaves the slot where it stands.
func (r *replication) acknowledge(received, safe wal.LSN) error {
	if safe < r.kept {
		safe = 0
	}
	r.kept = max(r.kept, safe)
	status := make([]byte, 0, 34)
	status = append(status, 'r')
	for _, position := range []wal.LSN{received, safe, safe} {
		status = binary.BigEndian.AppendUint64(status, uint64(position))
	}
	status = binary.BigEndian.AppendUint64(status, uint64(time.Now().UnixMicro()-postgresEpoch))
	status = append(status, 1) // and have it answer: that it has no more is known from then
	r.conn.Frontend().Send(&pgproto3.CopyData{Data: status})
	return failure.Wrap(failure.Unavailable, r.conn.Frontend().Flush(), "acknowledge WAL")
}

// finish leaves streaming after the server did and returns the next timeline.
func (r *replication) finish(ctx context.Context) (wal.Timeline, error) {
	r.conn.Frontend().Send(&pgproto3.CopyDone{})
	if err := r.conn.Frontend().Flush(); err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "end streaming")
	}
	var next wal.Timeline
	for {
		received, err := r.conn.ReceiveMessage(ctx)
		if err != nil {
			return 0, failure.Wrap(failure.Unavailable, err, "end streaming")
		}
		switch m := received.(type) {
		case *pgproto3.DataRow:
			if len(m.Values) > 0 {
				tli, err := strconv.ParseUint(string(m.Values[0]), 10, 32)
				if err != nil {
					return 0, failure.New(failure.Unknown, "the next timeline %.40q is no number", m.Values[0])
				}
				next = wal.Timeline(tli)
			}
		case *pgproto3.ErrorResponse:
			return 0, serverError(m, "end streaming")
		case *pgproto3.ReadyForQuery:
			return next, nil
		}
	}
}
