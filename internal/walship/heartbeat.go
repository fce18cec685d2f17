package walship

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/conninfo"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const (
	// markerFile names the file in the data directory that tells apart clusters
	// of one system identifier; a recovery writes a fresh one.
	markerFile     = "holdfast.incarnation"
	maxMarkerBytes = 4096
	beatLimit      = 10 * time.Second // of one row; a blocked commit is a failed beat
	learnLimit     = 3 * time.Second  // for stores to say which sequence came last
	keepBeats      = 8 * 24 * time.Hour
	pruneEvery     = time.Hour
)

// errStandby says that the server is in recovery: heartbeats wait.
var errStandby = failure.New(failure.Refused, "the server is in recovery: heartbeats are written on a primary only")

// heart writes one row a second while the server is a primary, and keeps what
// was acknowledged outside of it.
type heart struct {
	settings settings.Settings
	conn     string // resolved connection string: holds the password
	archiver *Archiver
	report   *reporter
	meter    *meter
	log      *beatLog

	session   *pgx.Conn // nil when not connected
	next      uint64    // lowest sequence that was never used, 0 when not known
	lastPrune time.Time

	lastSample time.Time
}

func (h *heart) run(ctx context.Context) {
	beat := time.NewTicker(h.settings.Heartbeat.Interval)
	ship := time.NewTicker(h.settings.Heartbeat.ShipInterval)
	defer beat.Stop()
	defer ship.Stop()
	defer h.hangUp(ctx)
	shipping := once{}
	defer shipping.done.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			h.beat(ctx)
		case <-ship.C:
			if err := h.log.roll(); err != nil {
				h.report.raise(EventHeartbeat, "", "", err.Error())
				continue
			}
			waiting := h.log.closed()
			shipping.try(func() { h.ship(ctx, waiting) })
		}
	}
}

// beat writes one row and notes its acknowledgement. A failure costs one beat;
// the gap in the sequence is what it looks like from outside.
func (h *heart) beat(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, beatLimit)
	defer cancel()
	written, err := h.write(ctx)
	if err == nil {
		err = h.log.add(written)
	}
	if err == nil {
		h.sample(ctx)
		err = h.prune(ctx)
	}
	switch {
	case err == nil:
		h.report.clear(EventHeartbeat, EventHeartbeatUp, "", "heartbeats are written")
		h.meter.update(func(s *Status) { s.HeartbeatSeq, s.HeartbeatAt = written.Seq, written.At })
	case err == errStandby: //nolint:errorlint // our own value, never wrapped
		// On a standby there is nothing to write and nothing is wrong. When it is
		// promoted the sequence is looked up again.
		h.next = 0
	case ctx.Err() == context.Canceled:
	default:
		h.hangUp(ctx)
		h.report.raise(EventHeartbeat, "", "", "no heartbeat was written: "+err.Error())
	}
}

// insertBeat takes the sequence after both what this table and what this host
// ever saw: after a failover that lost rows, their numbers are not used again. A row
// of a number that is none, which nobody can go on from, does not count.
const insertBeat = `INSERT INTO holdfast.heartbeat (seq, at, lsn, system_id, timeline, incarnation)
	SELECT greatest(coalesce(max(seq), 0) + 1, $1::bigint), clock_timestamp(), pg_current_wal_insert_lsn(),
		(SELECT system_identifier::text FROM pg_control_system()),
		('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int, $2
	FROM holdfast.heartbeat WHERE seq < $3
	RETURNING seq, at, lsn::text, system_id, timeline`

func (h *heart) write(ctx context.Context) (Beat, error) {
	if err := h.dial(ctx); err != nil {
		return Beat{}, err
	}
	incarnation, err := readIncarnation(h.settings.DataDir)
	if err != nil {
		return Beat{}, err
	}
	var standby bool
	if err := h.session.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&standby); err != nil {
		return Beat{}, failure.Wrap(failure.Unavailable, err, "ask whether the server is a primary")
	}
	if standby {
		return Beat{}, errStandby
	}
	if err := h.learnNext(ctx); err != nil {
		return Beat{}, err
	}
	beat, err := h.insert(ctx, incarnation)
	if err != nil {
		return Beat{}, err
	}
	h.next = beat.Seq + 1
	return beat, nil
}

func (h *heart) insert(ctx context.Context, incarnation string) (Beat, error) {
	beat := Beat{Incarnation: incarnation}
	var lsn, system string
	var seq, tli int64
	err := h.session.QueryRow(ctx, insertBeat, int64(h.next), incarnation, int64(maxSequence)).Scan(&seq, &beat.At, &lsn, &system, &tli)
	if err != nil {
		return Beat{}, failure.Wrap(failure.Unavailable, err, "write heartbeat")
	}
	beat.Acknowledged = time.Now().UTC()
	beat.Seq, beat.At, beat.Timeline = uint64(seq), beat.At.UTC(), wal.Timeline(tli)
	if beat.LSN, err = wal.ParseLSN(lsn); err == nil {
		err = beat.SystemID.UnmarshalText([]byte(system))
	}
	if err == nil {
		beat.CommitLSN, err = h.position(ctx)
	}
	if err == nil && beat.SystemID != h.settings.SystemID {
		err = failure.New(failure.IdentityMismatch, "the server is system %s, this source is system %s", beat.SystemID, h.settings.SystemID)
	}
	return beat, err
}

// position is where the log stands now: behind every commit acknowledged so far.
func (h *heart) position(ctx context.Context) (wal.LSN, error) {
	var lsn string
	if err := h.session.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&lsn); err != nil {
		return 0, failure.Wrap(failure.Unavailable, err, "read the WAL position")
	}
	return wal.ParseLSN(lsn)
}

// dial connects with synchronous_commit=on: an acknowledged beat is on disk at
// the primary, and at its synchronous standbys when it has some.
func (h *heart) dial(ctx context.Context) error {
	if h.session != nil && !h.session.IsClosed() {
		return nil
	}
	conn, err := conninfo.Secure(h.conn)
	if err != nil {
		return err
	}
	cfg, err := pgx.ParseConfig(conn)
	if err != nil {
		return failure.Invalid("database.conn", "is not a libpq connection string")
	}
	cfg.RuntimeParams["application_name"] = "holdfast_heartbeat"
	cfg.RuntimeParams["synchronous_commit"] = "on"
	cfg.RuntimeParams["default_transaction_read_only"] = "off"
	h.session, err = pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		h.session = nil
		return failure.Wrap(failure.Unavailable, err, "connect to write heartbeats")
	}
	h.next = 0
	return nil
}

// learnNext finds the lowest sequence that nobody used, from the table, from this host's
// log and from the stores, which also know what another host wrote before a failover:
// they are believed up to a bounded step ahead of what is known here, since whoever can
// write to one can claim any number. A store that does not answer in time is passed
// over: the table still guards, and a heartbeat late is worse than a number that another
// incarnation used.
func (h *heart) learnNext(ctx context.Context) error {
	if h.next != 0 {
		return nil
	}
	var inTable int64
	err := h.session.QueryRow(ctx, `SELECT coalesce(max(seq), 0) FROM holdfast.heartbeat WHERE seq < $1`, int64(maxSequence)).Scan(&inTable)
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "read the last heartbeat")
	}
	own := max(h.log.last(), uint64(max(inTable, 0)))
	ctx, cancel := context.WithTimeout(ctx, learnLimit)
	defer cancel()
	seen := make([]uint64, len(h.archiver.shelves))
	var asking sync.WaitGroup
	for i, one := range h.archiver.shelves {
		asking.Go(func() {
			doubt := func(err error) { h.report.note(EventCorrupt, one.Name(), "", err.Error()) }
			if last, err := highestBeat(ctx, one, h.settings.Source, h.settings.SystemID, learnable(own), doubt); err == nil {
				seen[i] = last
			}
		})
	}
	asking.Wait()
	h.next = max(own, slices.Max(seen)) + 1
	return nil
}

// prune removes rows that no report can want any more.
func (h *heart) prune(ctx context.Context) error {
	if time.Since(h.lastPrune) < pruneEvery {
		return nil
	}
	h.lastPrune = time.Now()
	_, err := h.session.Exec(ctx, `DELETE FROM holdfast.heartbeat WHERE at < clock_timestamp() - $1::interval`, keepBeats.String())
	return failure.Wrap(failure.Unavailable, err, "remove old heartbeats")
}

// ship puts closed files into the stores and removes what they hold.
func (h *heart) ship(ctx context.Context, waiting []string) {
	for _, name := range waiting {
		body, err := h.log.read(name)
		if err == nil {
			key := beatsOf(h.settings.Source, h.settings.SystemID) + filepath.ToSlash(name)
			err = h.archiver.pushBeats(ctx, key, body)
		}
		if err == nil {
			err = h.log.remove(name)
		}
		if err != nil {
			h.report.raise(EventStoresDown, "", name, "heartbeats cannot be shipped: "+err.Error())
			return
		}
		if _, last, _, err := parseBeatName(filepath.Base(name)); err == nil {
			h.meter.update(func(s *Status) { s.HeartbeatStored = max(s.HeartbeatStored, last) })
		}
	}
}

func (h *heart) hangUp(ctx context.Context) {
	if h.session == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = h.session.Close(ctx) // the server notices either way
	h.session = nil
}

// readIncarnation reads the marker of the data directory. Without one the
// heartbeat could not be told from another cluster's.
func readIncarnation(dataDir string) (string, error) {
	path := filepath.Join(dataDir, markerFile)
	text, err := readBounded(path, maxMarkerBytes)
	if err != nil {
		return "", failure.Wrap(failure.ClassOf(err), err, "read the incarnation")
	}
	var marker struct {
		Incarnation string `json:"incarnation"`
	}
	if json.Unmarshal(text, &marker) != nil || !incarnationForm.MatchString(marker.Incarnation) {
		return "", failure.New(failure.Corrupt, "%s is not an incarnation marker", path)
	}
	return marker.Incarnation, nil
}
