package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// replay brings the restored directory to the target in an isolated server, and
// proves that it got there. WAL is fetched by this process, which holds the key;
// the server only asks it. Run again it follows the server that runs already.
func (r *restoring) replay(ctx context.Context) error {
	c, err := r.cluster()
	if err != nil {
		return err
	}
	made, file, err := r.walSettings()
	if err != nil {
		return err
	}
	tool, err := r.walProgram()
	if err != nil {
		return err
	}
	config := replay.Config{
		Target: r.replayTarget(), Superuser: r.database.Superuser,
		RestoreCommand: fmt.Sprintf("%s --config %s fetch %%f %%p", shellWord(tool), shellWord(file)),
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() {
		served <- walship.Serve(serving, walship.Options{Settings: made, Stores: r.stores, Keys: r.keys})
	}()
	err = r.feed(ctx, c, config)
	stop()
	if ended := <-served; ended != nil && err != nil {
		return errors.Join(err, ended)
	}
	return err
}

// feed brings the server to its target while its WAL is served. One that an earlier
// call left running may have ended meanwhile, where a store did not answer that call: it
// is started again.
func (r *restoring) feed(ctx context.Context, c *cluster.Cluster, config replay.Config) error {
	found, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if found.Life == cluster.Running {
		err := r.follow(ctx, c, config.Target)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if now, lookErr := c.Process(ctx); lookErr != nil || now.Life == cluster.Running {
			return errors.Join(err, lookErr)
		}
	}
	if err := replay.Configure(ctx, c, config); err != nil {
		return err
	}
	return r.follow(ctx, c, config.Target)
}

// follow runs the server to its target and compares.
func (r *restoring) follow(ctx context.Context, c *cluster.Cluster, target replay.Target) error {
	bar := r.progress("replay WAL")
	begin := r.choice.Set.StartLSN
	reached, err := replay.Run(ctx, c, target, replay.Options{
		Superuser: r.database.Superuser, EndLSN: r.end(),
		Progress: func(at replay.Progress) { bar.update(int64(at.LSN-begin), int64(r.end()-begin)) },
	})
	if err == nil && target.Kind == replay.Latest {
		err = r.settle(ctx, c, &reached)
	}
	bar.end()
	if err != nil {
		return err
	}
	r.out.Reached = &recovery.Reached{
		SystemID: r.set.SystemID, Timeline: reached.Timeline, LSN: reached.LSN, LastCommitTime: reached.LastCommitAt, Paused: reached.Paused,
	}
	if err := recovery.CompareReached(*r.choice, *r.out.Reached); err != nil {
		return err
	}
	return r.finish(ctx, c, reached)
}

func (r *restoring) finish(ctx context.Context, c *cluster.Cluster, reached replay.Reached) error {
	connect := fmt.Sprintf("psql -h %s -p %d -U %s %s", c.SocketDir, c.Port, r.database.Superuser, r.database.DBName)
	if !r.flags.promote {
		r.out.Next = []string{
			"look at it: " + connect,
			"end recovery: the same command again with --promote",
		}
		return nil
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return err
	}
	if _, err := replay.Promote(ctx, c, cluster.Of(identity), r.replayTarget(), r.database.Superuser, reached); err != nil {
		return err
	}
	r.out.Promoted = true
	r.out.Next = []string{
		"use it: " + connect,
		"it is still isolated (no TCP, no archiving): the marked block in " + filepath.Join(c.DataDir, "postgresql.auto.conf") + " says how",
	}
	return nil
}

const (
	settlePoll = 500 * time.Millisecond
	// settleFor is longer than one fetch waits for a store that does not answer.
	settleFor = 40 * time.Second
)

// settle lets a server that is to replay everything go on from where it was
// proved to get, until it stands still, and pauses it there: its last record
// seldom ends where the last segment does, so no position says "the end".
func (r *restoring) settle(ctx context.Context, c *cluster.Cluster, reached *replay.Reached) error {
	if reached.LSN >= r.end() {
		return nil
	}
	server := c.Server(r.database.Superuser)
	return server.Do(ctx, func(conn *pgx.Conn) error {
		if err := pg.Exec(ctx, conn, "go on replaying", "SELECT pg_wal_replay_resume()"); err != nil {
			return err
		}
		if err := r.standStill(ctx, conn, reached); err != nil {
			return err
		}
		if err := pg.Exec(ctx, conn, "pause replay", "SELECT pg_wal_replay_pause()"); err != nil {
			return err
		}
		reached.Paused = true
		return look(ctx, conn, reached)
	})
}

// standStill polls until replay is at the end, or has not moved for so long that
// nothing more can come.
func (r *restoring) standStill(ctx context.Context, conn *pgx.Conn, reached *replay.Reached) error {
	moved := time.Now()
	return pg.Poll(ctx, "replay to stand still", settlePoll, func(ctx context.Context) (bool, error) {
		before := reached.LSN
		if err := look(ctx, conn, reached); err != nil {
			return false, err
		}
		if reached.LSN > before {
			moved = time.Now()
		}
		return reached.LSN >= r.end() || time.Since(moved) > settleFor, nil
	})
}

func look(ctx context.Context, conn *pgx.Conn, reached *replay.Reached) error {
	var lsn string
	var last *time.Time
	err := conn.QueryRow(ctx, "SELECT pg_last_wal_replay_lsn()::text, pg_last_xact_replay_timestamp()").Scan(&lsn, &last)
	if err != nil {
		return pg.Classify(err, "ask how far replay is")
	}
	if last != nil {
		reached.LastCommitAt = last.UTC()
	}
	reached.LSN, err = wal.ParseLSN(lsn)
	return err
}

// end is the first position that no store holds, for everything; else where the
// target is expected.
func (r *restoring) end() wal.LSN {
	choice := r.choice
	if choice.Target.Kind != recovery.TargetLatest {
		return choice.ExpectedReach.LSN
	}
	if choice.TailUsed != nil {
		return choice.TailUsed.ValidUpTo
	}
	if n := len(choice.Segments); n > 0 {
		last := choice.Segments[n-1]
		return choice.SegmentSize.Start(wal.Segment{Timeline: last.Timeline, Number: last.Last + 1})
	}
	return choice.Set.StopLSN
}

// replayTarget is the choice in PostgreSQL's terms. For everything that
// survived, it is a position replay must at least have passed; settle does the rest.
func (r *restoring) replayTarget() replay.Target {
	asked := r.choice.Target
	target := replay.Target{Timeline: r.choice.TargetTimeline, Inclusive: asked.Inclusive, Time: asked.Time, LSN: asked.LSN, Name: asked.Name}
	switch asked.Kind {
	case recovery.TargetTime:
		target.Kind = replay.ByTime
	case recovery.TargetLSN:
		target.Kind = replay.ByLSN
	case recovery.TargetName:
		target.Kind = replay.ByName
	case recovery.TargetLatest:
		target.Kind, target.LSN = replay.Latest, max(r.choice.ExpectedReach.Proof, r.choice.Set.StopLSN)
	}
	return target
}

// walSettings writes what the wal program needs to find this process, and
// nothing that could archive. They name no worker: this process alone has the key, and
// the server waits for the next call where this one is killed.
func (r *restoring) walSettings() (settings.Settings, string, error) {
	if err := r.owner.MkdirAll(r.workspace.SocketDir()); err != nil {
		return settings.Settings{}, "", err
	}
	made := settings.Settings{
		Source: r.database.Name, SystemID: r.set.SystemID, SegmentSizeBytes: r.choice.SegmentSize, DataDir: r.workspace.DataDir(),
		Socket: filepath.Join(r.workspace.SocketDir(), "wal.sock"), ReadOnly: true,
		Spool: settings.Spool{Dir: filepath.Join(r.workspace.Dir, "wal-spool")},
	}
	if r.choice.TailUsed != nil {
		made.Fetch.TailTimeline = r.choice.TailUsed.Timeline
	}
	for _, one := range r.plan.Stores {
		made.Stores = append(made.Stores, storeSettings(one))
	}
	text, err := yaml.Marshal(made)
	if err != nil {
		return made, "", failure.Wrap(failure.Internal, err, "write the WAL settings")
	}
	if made, err = settings.Parse(text); err != nil {
		return made, "", err
	}
	file := filepath.Join(r.workspace.Dir, "wal.yaml")
	return made, file, r.owner.WriteFile(file, text, 0o600)
}

// storeSettings names a store without its secrets: only this process opens it.
func storeSettings(one plan.Store) settings.Store {
	return settings.Store{
		Name: one.Name, Provider: string(one.Provider), Bucket: one.Bucket, Prefix: one.Prefix, Region: one.Region,
		Endpoint: one.Endpoint, Dir: one.Path, PathStyle: one.PathStyle, CAFile: one.CAFile, Anonymous: one.Anonymous,
	}
}

// walProgram is the small program that PostgreSQL runs for each segment.
func (r *restoring) walProgram() (string, error) {
	path := r.flags.walTool
	if path == "" {
		path = besideSelf("wal")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", failure.Invalid("--wal-program", "%s", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&0o111 == 0 {
		return "", failure.New(failure.NotFound, "no wal program at %s", path).
			WithHint("make build puts it beside starter; or name it: --wal-program FILE")
	}
	return path, nil
}

// shellWord quotes a path for restore_command, in which % begins an escape.
func shellWord(path string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(path, "'", `'\''`), "%", "%%") + "'"
}
