package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/amcheck"
	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

// maxFindings bounds the findings a history carries.
const maxFindings = 50

// VerifyFiles runs pg_verifybackup, PostgreSQL's own judge, over the restored
// files before a server ever touches them. It only reads, so twice is harmless;
// after a server was started there it fails, for the files differ by right.
func (a *Activities) VerifyFiles(ctx context.Context, in CheckInput) (Verified, error) {
	defer pulse.Start(ctx).Stop()
	verified, err := a.verifyFiles(ctx, in)
	return verified, boundary.Out(err)
}

func (a *Activities) verifyFiles(ctx context.Context, in CheckInput) (Verified, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return Verified{}, err
	}
	c, err := t.open(in.Side)
	if err != nil {
		return Verified{}, err
	}
	backup, err := verify.RestoredBackup(ctx, c, false)
	if err != nil {
		return Verified{}, err
	}
	return Verified{Tool: backup.Tool, Output: backup.Problems}, backup.Must()
}

// CheckIntegrity runs amcheck over every table and index. Damage is an error: a
// damaged copy must not go on to people as if it could be approved. It only reads.
func (a *Activities) CheckIntegrity(ctx context.Context, in CheckInput) (Integrity, error) {
	integrity, err := a.checkIntegrity(ctx, in)
	return integrity, boundary.Out(err)
}

func (a *Activities) checkIntegrity(ctx context.Context, in CheckInput) (Integrity, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	t, server, err := a.reach(in)
	if err != nil {
		return Integrity{}, err
	}
	result, err := amcheck.Run(ctx, server, amcheck.Options{
		Databases: []string{t.database.DBName}, Progress: func(checked, relations int) { beat.Report([2]int{checked, relations}) },
	})
	if err != nil {
		return Integrity{}, err
	}
	out := Integrity{
		Relations: result.Relations, More: result.More, NotChecked: result.Skipped,
		Tool: fmt.Sprintf("amcheck over %d relations", result.Relations),
	}
	for _, finding := range result.Findings {
		if len(out.Findings) < maxFindings {
			out.Findings = append(out.Findings, finding.Relation+": "+finding.Message)
		}
	}
	if result.Failed() {
		return out, failure.New(failure.CheckFailed, "amcheck: %d relations checked, findings: %s; not checked: %s",
			result.Relations, orNone(out.Findings), orNone(result.Unknown)).
			WithHint("choose an earlier set or target: starter resolve --abort, then start again with --target-time")
	}
	return out, nil
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, "; ")
}

// RunChecks runs the plan's SQL checks. A critical one that fails, or could not be
// run, is an error that names it. It only reads.
func (a *Activities) RunChecks(ctx context.Context, in CheckInput) (Checks, error) {
	defer pulse.Start(ctx).Stop()
	checks, err := a.runChecks(ctx, in)
	return checks, boundary.Out(err)
}

func (a *Activities) runChecks(ctx context.Context, in CheckInput) (Checks, error) {
	t, server, shut, err := a.reachAs(ctx, in)
	if err != nil {
		return Checks{}, err
	}
	var out Checks
	for _, check := range t.database.Checks {
		as, err := t.as(server, check.Role, shut)
		if err != nil {
			return Checks{}, err
		}
		got := verify.Run(ctx, as, []verify.Check{{Name: check.Name, SQL: check.SQL, Compare: verify.True}})
		out.Results = append(out.Results, judge(check, got[0]))
	}
	return out, out.must()
}

// must refuses when a critical check did not pass.
func (c Checks) must() error {
	var bad []string
	for _, result := range c.Results {
		if result.Critical && result.Status != CheckPassed {
			bad = append(bad, fmt.Sprintf("%s: %s (got %q, want %s) %s", result.Name, result.Status, result.Got, result.Want, result.Detail))
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return failure.New(failure.CheckFailed, "%d of %d checks did not pass: %s", len(bad), len(c.Results), strings.Join(bad, "; ")).
		WithHint("look at the restored database before deciding: starter status shows where it is; starter resolve --retry or --abort")
}

// ReadHeartbeats reads which heartbeats survived, newest first, and whether one is
// missing before it. It only reads.
func (a *Activities) ReadHeartbeats(ctx context.Context, in CheckInput) (Heartbeats, error) {
	defer pulse.Start(ctx).Stop()
	_, server, err := a.reach(in)
	if err != nil {
		return Heartbeats{}, boundary.Out(err)
	}
	var rows []heartbeat.Beat
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		rows, err = heartbeat.Read(ctx, conn, heartbeat.MaxRows)
		return err
	})
	if err != nil {
		return Heartbeats{}, boundary.Out(err)
	}
	return heartbeatsOf(rows), nil
}

func heartbeatsOf(rows []heartbeat.Beat) Heartbeats {
	out := Heartbeats{Rows: int64(len(rows))}
	if len(rows) == 0 {
		return out
	}
	newest := heartbeatOf(rows[0])
	out.Newest = &newest
	for _, gap := range heartbeat.Continue(rows).Gaps {
		out.Findings = append(out.Findings, recovery.ContinuityFinding{
			Kind: recovery.HeartbeatGap, Missing: uint64(gap.Before - gap.After - 1), Silence: gap.For,
			Before: recovery.Heartbeat{Sequence: uint64(gap.After)}, After: recovery.Heartbeat{Sequence: uint64(gap.Before)},
			Detail: fmt.Sprintf("heartbeats %d to %d are missing", gap.After+1, gap.Before-1),
		})
	}
	return out
}

// ProbeApplication logs in as each of the application's roles and runs the plan's
// critical queries against their time limits. It only reads.
func (a *Activities) ProbeApplication(ctx context.Context, in CheckInput) (Checks, error) {
	defer pulse.Start(ctx).Stop()
	checks, err := a.probeApplication(ctx, in)
	return checks, boundary.Out(err)
}

func (a *Activities) probeApplication(ctx context.Context, in CheckInput) (Checks, error) {
	t, server, shut, err := a.reachAs(ctx, in)
	if err != nil {
		return Checks{}, err
	}
	var out Checks
	for _, role := range t.database.Roles {
		if shut[role.Name] {
			out.Results = append(out.Results, CheckResult{
				Name: "login as " + role.Name, Status: CheckUnknown, Want: "accepted", Got: "shut out by a fence",
				Detail: "the fence of the damaged database came along in the log; the login is proved when writes are resumed",
			})
			continue
		}
		login, err := t.as(server, role.Name, nil)
		if err != nil {
			return Checks{}, err
		}
		result := CheckResult{Name: "login as " + role.Name, Status: CheckPassed, Want: "accepted", Got: "accepted", Critical: true}
		if err := verify.Login(ctx, login); err != nil {
			result.Status, result.Got = CheckFailed, err.Error()
		}
		out.Results = append(out.Results, result)
	}
	for _, query := range t.database.CriticalQueries {
		as, err := t.as(server, query.Role, shut)
		if err != nil {
			return Checks{}, err
		}
		out.Results = append(out.Results, timeQuery(ctx, as, query))
	}
	return out, out.must()
}

// shutOut are the roles that may not log in to a cluster still in recovery: one
// replayed past the fence of its origin has that fence, and it cannot be lifted
// before the promotion. Elsewhere a role that may not log in is a failed check.
func shutOut(ctx context.Context, server pg.Server) (map[string]bool, error) {
	shut := map[string]bool{}
	return shut, server.Do(ctx, func(conn *pgx.Conn) error {
		names, err := pg.One[[]string](ctx, conn, "ask who is shut out",
			"SELECT coalesce(array_agg(rolname::text), '{}') FROM pg_roles WHERE rolconnlimit = 0 AND pg_is_in_recovery()")
		for _, name := range names {
			shut[name] = true
		}
		return err
	})
}

// reachAs is reach with the roles that a fence shuts out there.
func (a *Activities) reachAs(ctx context.Context, in CheckInput) (target, pg.Server, map[string]bool, error) {
	t, server, err := a.reach(in)
	if err != nil {
		return target{}, pg.Server{}, nil, err
	}
	shut, err := shutOut(ctx, server)
	return t, server, shut, err
}

// reach resolves one of the two clusters and how to reach it.
func (a *Activities) reach(in CheckInput) (target, pg.Server, error) {
	t, err := a.resolve(in.Where)
	if err != nil {
		return target{}, pg.Server{}, err
	}
	server, err := t.server(in.Side)
	return t, server, err
}
