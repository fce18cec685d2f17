package replay

import (
	"context"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// unanswered is how the server ends when restore_command exits above 125 or dies of a
// signal (src/backend/access/transam/xlogarchive.c, RestoreArchivedFile).
const unanswered = "FATAL:  could not restore file"

// turnedAway is what a session is told that comes too early, as the follower's do.
const turnedAway = "FATAL:  the database system is "

// stopWords are what the server says when it stops at a target
// (src/backend/access/transam/xlogrecovery.c, recoveryStopsBefore and …After).
func (f *follower) stopWords() []string {
	return f.words("recovery stopping ", "recovery stopped ")
}

// timelineOf takes the newest timeline WAL was read from: pg_control learns of
// it only at the next restart point.
func (f *follower) timelineOf(now state) wal.Timeline {
	newest := now.timeline
	f.eachLine(func() { newest = now.timeline }, func(line string) {
		_, name, found := strings.Cut(line, "restored log file \"")
		if !found || len(name) < 24 {
			return
		}
		segment, err := wal.DefaultSegmentSize.ParseSegment(name[:16] + "00000000")
		if err == nil && segment.Timeline <= f.target.Timeline {
			newest = max(newest, segment.Timeline)
		}
	})
	return newest
}

// stillAlive turns "cannot connect" into the reason when the server is gone,
// and into nothing while it is merely not ready.
func (f *follower) stillAlive(ctx context.Context, connecting error) error {
	process, err := f.cluster.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == cluster.Running {
		broken := failure.Is(connecting, failure.Unknown) && pg.StateOf(connecting) == "" // in the middle of an answer
		if broken || failure.Is(connecting, failure.Unavailable) {
			return nil
		}
		return connecting
	}
	return f.explain(ctx, connecting)
}

// explain says why a recovering server ended, and how far it came.
func (f *follower) explain(ctx context.Context, cause error) error {
	far := f.howFar(ctx)
	if words := f.words(unanswered); len(words) > 0 {
		return failure.New(failure.Unavailable, "recovery ended %s, since nobody could say whether a file of WAL exists: %s", far, words[0]).
			WithHint("see which stores answer: starter plan check --live; then do the same again: it goes on from there. Why it ended: %s", f.cluster.LogFile)
	}
	if words := f.words("recovery ended before configured recovery target was reached"); len(words) > 0 {
		return failure.New(failure.TargetMissed, "%s target %s was not reached: WAL ended %s", f.target.Kind, f.target.describe(), far).
			WithHint("choose a target that WAL reaches, or find the missing segments: starter backup verify")
	}
	missing := f.words("WAL ends before", "could not locate required checkpoint record", "could not find redo location",
		"could not locate a valid checkpoint record", "requested timeline")
	if len(missing) > 0 {
		return failure.New(failure.WALGap, "recovery ended %s: %s", far, missing[0]).
			WithHint("starter backup verify")
	}
	fatal := slices.DeleteFunc(f.words("FATAL:", "PANIC:"), func(line string) bool { return strings.Contains(line, turnedAway) })
	if len(fatal) > 0 {
		return failure.New(failure.Unknown, "recovery ended %s: %s", far, fatal[0]).WithHint("read %s", f.cluster.LogFile)
	}
	return cause
}

// ended adds to the error of a wait that its caller, or its limit, ended what the last
// look saw and where to look next. Errors that say so themselves pass unchanged.
func (f *follower) ended(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil || failure.HintOf(err) != "" {
		return err
	}
	c := f.cluster
	said := failure.New(failure.ClassOf(err), "last seen: %s", f.seen.describe())
	said.Cause = err
	return said.WithHint("see what it does: psql -h %s -p %d -U %s -d postgres -c 'SELECT pg_is_in_recovery(), pg_is_wal_replay_paused(), pg_last_wal_replay_lsn()'; "+
		"what it said: %s; then do the same again: it goes on from there", c.SocketDir, c.Port, f.server.User, c.LogFile)
}

func (f *follower) howFar(ctx context.Context) string {
	for _, line := range f.words("last completed transaction was at log time") {
		_, at, _ := strings.Cut(line, "log time ")
		return "after the transaction of " + at + f.redoDone()
	}
	if identity, err := f.cluster.Identity(ctx); err == nil {
		return "near " + max(identity.MinRecovery, identity.Redo).String() + f.redoDone()
	}
	return "at an unknown position" + f.redoDone()
}

func (f *follower) redoDone() string {
	for _, line := range f.words("redo done at ") {
		_, at, _ := strings.Cut(line, "redo done at ")
		position, _, _ := strings.Cut(at, " ")
		return ", redo done at " + position
	}
	return ""
}

func (t Target) describe() string {
	settings := t.settings()
	for _, name := range []string{"recovery_target_time", "recovery_target_lsn", "recovery_target_xid", "recovery_target_name"} {
		if settings[name] != "" {
			return settings[name]
		}
	}
	return t.LSN.String()
}
