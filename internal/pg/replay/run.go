package replay

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const pollInterval = 100 * time.Millisecond

// Progress is how replay goes.
type Progress struct {
	LSN            wal.LSN       `json:"lsn"`
	Bytes          int64         `json:"bytes"` // replayed since the first look
	BytesPerSecond float64       `json:"bytes_per_second"`
	ETA            time.Duration `json:"eta"` // 0: unknown
}

// Reached is where recovery stands.
type Reached struct {
	Timeline     wal.Timeline `json:"timeline"`
	LSN          wal.LSN      `json:"lsn"`
	LastCommitAt time.Time    `json:"last_commit_at"` // UTC; zero: no transaction was replayed
	Paused       bool         `json:"paused"`
	Bytes        int64        `json:"bytes"`          // of WAL, from the first look on: a lower bound
	Said         []string     `json:"said,omitempty"` // the server's own words about where it stopped
}

// Options tune Run.
type Options struct {
	Superuser string         // default "postgres"
	EndLSN    wal.LSN        // for the ETA; 0: unknown
	Progress  func(Progress) // may be nil
}

// Run starts a configured cluster and follows it until it stands at the target.
// Called again it follows the server that already runs, or starts it again:
// PostgreSQL goes on from its last restart point. A cluster that was promoted
// already is Refused, and one that somebody paused before its target. Errors:
// TargetMissed and WALGap say how far it came; Unavailable when the server ended because
// nobody could say whether a file of WAL exists, and when ctx ended the wait.
func Run(ctx context.Context, c *cluster.Cluster, target Target, opts Options) (Reached, error) {
	f, err := follow(ctx, c, target, opts)
	if err != nil {
		return Reached{}, err
	}
	err = pg.Poll(ctx, "replay to reach its target", pollInterval, f.look)
	return f.reached, f.ended(ctx, err)
}

// follow starts a configured cluster, unless its server runs, and returns who watches
// it. One that is not isolated is Refused: it would archive, and answer applications.
func follow(ctx context.Context, c *cluster.Cluster, target Target, opts Options) (*follower, error) {
	if err := target.check(); err != nil {
		return nil, err
	}
	if opts.Superuser == "" {
		opts.Superuser = "postgres"
	}
	f := &follower{cluster: c, target: target, opts: opts, server: c.Server(opts.Superuser), logFrom: c.LogSize()}
	process, err := c.Process(ctx)
	if err != nil {
		return nil, err
	}
	if process.Life == cluster.Running {
		f.logFrom = 0 // it was started by an earlier call: its words are further up
		return f, nil
	}
	if err := requireIsolated(c); err != nil {
		return nil, err
	}
	if err := c.Start(ctx, cluster.StartOptions{}); err != nil {
		return nil, f.ended(ctx, f.explain(ctx, err))
	}
	return f, nil
}

type follower struct {
	cluster *cluster.Cluster
	target  Target
	opts    Options
	server  pg.Server
	logFrom int64

	begin   time.Time
	first   wal.LSN
	last    state // the look before
	seen    state // the last answer; its zero value: none yet
	reached Reached
}

// state is one look at a recovering server. Its zero value is no look.
type state struct {
	recovering, paused bool
	lsn                wal.LSN
	lastCommit         *time.Time
	timeline           wal.Timeline
	starved            bool // the archive has no more: replay waits to ask again
}

func (s state) describe() string {
	switch {
	case s == state{}:
		return "no answer of the server"
	case !s.recovering:
		return "recovery has ended"
	case s.paused:
		return "replay is paused at " + s.lsn.String()
	case s.starved:
		return "replay is at " + s.lsn.String() + " and waits for WAL that the archive does not have"
	}
	return "replay goes on at " + s.lsn.String()
}

func (f *follower) look(ctx context.Context) (bool, error) {
	now, answered, err := f.state(ctx)
	if err != nil || !answered {
		return false, err
	}
	if !now.recovering {
		return false, failure.New(failure.Refused, "%s is not recovering: it was promoted already", f.cluster.DataDir)
	}
	f.report(now)
	stands, err := f.stands(ctx, now)
	if stands {
		f.arrive(now)
	}
	return stands, err
}

// state asks the server. Not answered without an error: it lives, and is not ready yet.
func (f *follower) state(ctx context.Context) (now state, answered bool, err error) {
	err = f.server.Do(ctx, func(conn *pgx.Conn) error {
		var err error
		now, err = read(ctx, conn)
		return err
	})
	if err != nil {
		return state{}, false, f.stillAlive(ctx, err)
	}
	f.seen = now
	return now, true, nil
}

// stands reports whether replay is at its target and paused there, and has it pause
// where it is and no target does.
func (f *follower) stands(ctx context.Context, now state) (bool, error) {
	if !f.arrived(now) {
		return false, f.pausedEarly(now)
	}
	if !now.paused {
		return false, f.pause(ctx)
	}
	return true, nil
}

// pauseState: PostgreSQL 14 tells "requested" from "paused".
func read(ctx context.Context, conn *pgx.Conn) (state, error) {
	pause := "pg_get_wal_replay_pause_state() = 'paused'"
	num, err := pg.One[int](ctx, conn, "ask for the version", "SELECT current_setting('server_version_num')::int")
	if err != nil {
		return state{}, err
	}
	if pg.MajorOfNum(num) < 14 {
		pause = "pg_is_wal_replay_paused()"
	}
	var now state
	var position *string
	var timeline int32
	err = conn.QueryRow(ctx, `SELECT r, CASE WHEN r THEN `+pause+` ELSE false END, pg_last_wal_replay_lsn()::text,
		pg_last_xact_replay_timestamp(), (SELECT greatest(c.timeline_id, m.min_recovery_end_timeline)
		FROM pg_control_checkpoint() c, pg_control_recovery() m),
		EXISTS (SELECT FROM pg_stat_activity WHERE backend_type = 'startup' AND wait_event = 'RecoveryRetrieveRetryInterval')
		FROM pg_is_in_recovery() r`).
		Scan(&now.recovering, &now.paused, &position, &now.lastCommit, &timeline, &now.starved)
	if err != nil {
		return state{}, pg.Classify(err, "ask how far replay is")
	}
	now.timeline = wal.Timeline(timeline)
	if position != nil {
		now.lsn, err = wal.ParseLSN(*position)
	}
	return now, err
}

// arrived: a target stops replay itself; "latest" is reached when the proven
// end was replayed. That end may lie behind the last whole record (a record cut
// off, or the rest of a segment that was ended early): then replay stands still
// and the archive has no more, twice in a row. Whether that is far enough is for
// the caller to compare.
func (f *follower) arrived(now state) bool {
	if f.target.Kind == Latest {
		still := now.starved && f.last.starved && now.lsn == f.last.lsn
		f.last = now
		stopped := now.paused && len(f.words(tooSmall)) == 0 // by an earlier call
		return now.lsn >= f.target.LSN || still || stopped
	}
	return now.paused && len(f.stopWords()) > 0
}

// pause stops replay at the end of "latest", which no target does: a standby
// would go on asking for WAL that nobody proved.
func (f *follower) pause(ctx context.Context) error {
	return f.server.Do(ctx, func(conn *pgx.Conn) error {
		return pg.Exec(ctx, conn, "pause replay", "SELECT pg_wal_replay_pause()")
	})
}

// tooSmall is what PostgreSQL says when it pauses for its settings.
const tooSmall = "insufficient parameter settings"

// pausedEarly is why replay paused that no target did, since waiting would last forever:
// the settings are too small for the primary's (InvalidInput), or somebody asked for it
// (Refused). PostgreSQL names a target before it pauses there.
func (f *follower) pausedEarly(now state) error {
	if !now.paused {
		return nil
	}
	if words := f.words(tooSmall); len(words) > 0 {
		return failure.New(failure.InvalidInput, "replay paused at %s, before its target: %s", now.lsn, words[0]).
			WithHint("read %s and raise the settings it names", f.cluster.LogFile)
	}
	return failure.New(failure.Refused, "replay is paused at %s, and the server's log names no target it stopped at: somebody paused it", now.lsn).
		WithHint("ask who paused it, and why; psql -h %s -p %d -U %s -d postgres -c 'SELECT pg_wal_replay_resume()' lets it go on; then do the same again",
			f.cluster.SocketDir, f.cluster.Port, f.server.User)
}

func (f *follower) arrive(now state) {
	f.reached = Reached{Timeline: f.timelineOf(now), LSN: now.lsn, Paused: now.paused, Bytes: int64(now.lsn - f.first), Said: f.stopWords()}
	if now.lastCommit != nil {
		f.reached.LastCommitAt = now.lastCommit.UTC()
	}
}

func (f *follower) report(now state) {
	if f.begin.IsZero() {
		f.begin, f.first = time.Now(), now.lsn
	}
	if f.opts.Progress == nil {
		return
	}
	p := Progress{LSN: now.lsn, Bytes: int64(now.lsn - f.first)}
	if took := time.Since(f.begin).Seconds(); took > 0 {
		p.BytesPerSecond = float64(p.Bytes) / took
	}
	if f.opts.EndLSN > now.lsn && p.BytesPerSecond > 0 {
		p.ETA = time.Duration(float64(f.opts.EndLSN-now.lsn) / p.BytesPerSecond * float64(time.Second))
	}
	f.opts.Progress(p)
}
