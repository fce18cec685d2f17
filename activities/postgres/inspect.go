package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// Inspect looks at a server: whether it answers, who it is and how it is. It
// changes nothing. A server that cannot be reached is a result, and so is one
// that answers half. Errors are a directory that cannot be identified, since
// nothing may be done to a cluster nobody can name, and a server that answers but
// does not run in that directory here.
func (a *Activities) Inspect(ctx context.Context, in Where) (Inspection, error) {
	defer pulse.Start(ctx).Stop()
	inspection, err := a.inspect(ctx, in)
	return inspection, boundary.Out(err)
}

func (a *Activities) inspect(ctx context.Context, in Where) (Inspection, error) {
	t, err := a.resolve(in)
	if err != nil {
		return Inspection{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return Inspection{}, err
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return Inspection{}, failure.Wrap(failure.ClassOf(err), err, "identify the cluster in %s", c.DataDir)
	}
	server, err := t.server(Serving)
	if err != nil {
		return Inspection{}, err
	}
	report := inspect.Inspect(ctx, server)
	out := Inspection{
		Reachable: report.Reach == inspect.Reachable, Why: report.Reason,
		Identity: Identity{SystemID: identity.SystemID, Timeline: identity.Timeline, Incarnation: identity.Incarnation},
		At:       time.Now().UTC(),
	}
	if !out.Reachable {
		return out, nil
	}
	if err := c.RequireServing(ctx, t.host.Port); err != nil {
		return out, err // whatever came next would be done to another server than the one that answers
	}
	if report.SystemID != 0 && report.SystemID != identity.SystemID {
		return out, failure.New(failure.IdentityMismatch, "the server on port %d is system %s, the cluster in %s is %s",
			t.host.Port, report.SystemID, c.DataDir, identity.SystemID).WithHint("correct port, socket_dir or data_dir of host %s in the plan", t.host.Host)
	}
	out.fill(report)
	out.Newest = newestBeat(ctx, server, time.Time{})
	if !out.InRecovery {
		seen, err := t.watch(ctx, server, baselineWindow, nil)
		if err != nil {
			out.Findings = append(out.Findings, "no baseline: "+err.Error())
		} else {
			baseline := performanceOf(seen)
			out.Baseline = &baseline
		}
	}
	return out, nil
}

func (out *Inspection) fill(report inspect.Report) {
	if report.Timeline != 0 {
		out.Identity.Timeline = report.Timeline
	}
	out.Version, out.InRecovery, out.LSN = report.Version, report.InRecovery, report.LSN
	out.DataChecksums, out.DatabaseBytes, out.FreeBytes = report.Checksums, report.SizeBytes, report.FreeBytes
	out.ClockOffset = report.ClockOffset
	if !report.At.IsZero() {
		out.At = report.At
	}
	if failures, known := report.ChecksumFailures(); known {
		out.ChecksumFailures = failures
	}
	if report.Archiver.Failing() {
		out.Findings = append(out.Findings, "the newest attempt to archive WAL failed")
	}
	for _, unanswered := range report.UnknownFields {
		out.Findings = append(out.Findings, "unknown: "+unanswered.Question+": "+unanswered.Reason)
	}
}

// newestBeat reads the newest heartbeat row written before an instant (zero:
// any); nil when there is none or it cannot be read, which is "unknown".
func newestBeat(ctx context.Context, server pg.Server, before time.Time) *recovery.Heartbeat {
	var newest *recovery.Heartbeat
	err := server.Do(ctx, func(conn *pgx.Conn) error {
		rows, err := heartbeat.Read(ctx, conn, recentBeats)
		for _, row := range rows {
			if before.IsZero() || !row.At.After(before) {
				beat := heartbeatOf(row)
				newest = &beat
				break
			}
		}
		return err
	})
	if err != nil {
		return nil
	}
	return newest
}

// recentBeats are enough to step over those written after a fence that took
// long to be proved.
const recentBeats = 600

func heartbeatOf(row heartbeat.Beat) recovery.Heartbeat {
	return recovery.Heartbeat{
		Sequence: uint64(row.Seq), At: row.At, LSN: row.LSN, Timeline: row.Timeline, SystemID: row.SystemID, Incarnation: row.Incarnation,
	}
}
