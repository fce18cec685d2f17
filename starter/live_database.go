package main

import (
	"context"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// liveServer asks one PostgreSQL server what it is and how its archiving goes.
func liveServer(ctx context.Context, database plan.Database, host plan.DatabaseHost) []liveFinding {
	subject := fmt.Sprintf("database %s on %s", database.Name, host.Host)
	server, err := binding.Server(database, host)
	if err != nil {
		return []liveFinding{failedBy(subject, "connection settings", err)}
	}
	report := inspect.Inspect(ctx, server)
	if report.Reach != inspect.Reachable {
		return []liveFinding{{Subject: subject, Check: "answers", Status: liveUnknown, Detail: fmt.Sprintf("%s from here: %s", report.Reach, report.Reason)}}
	}
	findings := []liveFinding{passed(subject, "answers", fmt.Sprintf("PostgreSQL %d, timeline %d", report.Major(), report.Timeline)), roleFinding(subject, host, report)}
	if host.Role == plan.DatabasePrimary {
		findings = append(findings, archiveMode(subject, report), archiverFinding(subject, report, time.Now()), writersFinding(ctx, subject, database, server))
	}
	return append(findings,
		settingFinding(subject, report, "full_page_writes", "pages torn by a crash could not be mended from the log"),
		settingFinding(subject, report, "fsync", "an acknowledged commit could be lost with power"),
		checksumFinding(subject, report),
	)
}

// unanswered reports a question the server did not answer: unknown, never fine.
func unanswered(subject, check string, report inspect.Report, question string) (liveFinding, bool) {
	for _, one := range report.UnknownFields {
		if one.Question == question {
			return liveFinding{Subject: subject, Check: check, Status: liveUnknown, Detail: one.Reason}, true
		}
	}
	return liveFinding{}, false
}

func roleFinding(subject string, host plan.DatabaseHost, report inspect.Report) liveFinding {
	check := "is the " + string(host.Role) + " the plan says"
	if unknown, yes := unanswered(subject, check, report, "identity"); yes {
		return unknown
	}
	if (host.Role == plan.DatabasePrimary) == report.InRecovery {
		return liveFinding{Subject: subject, Check: check, Status: liveFailed, Detail: fmt.Sprintf("in recovery: %t", report.InRecovery)}
	}
	return passed(subject, check, "")
}

func archiveMode(subject string, report inspect.Report) liveFinding {
	const check = "archives its WAL"
	mode, known := report.Setting("archive_mode")
	switch {
	case !known:
		return liveFinding{Subject: subject, Check: check, Status: liveUnknown, Detail: "the server does not say archive_mode"}
	case mode != "on" && mode != "always":
		return liveFinding{Subject: subject, Check: check, Status: liveFailed, Detail: "archive_mode is " + mode}
	}
	return passed(subject, check, "archive_mode is "+mode)
}

// archiverFinding judges pg_stat_archiver.
func archiverFinding(subject string, report inspect.Report, now time.Time) liveFinding {
	const check = "its newest WAL was archived"
	if unknown, yes := unanswered(subject, check, report, "archiver"); yes {
		return unknown
	}
	archiver := report.Archiver
	switch {
	case archiver.Failing():
		detail := "archiving fails"
		if archiver.LastFailed != nil {
			detail += " at " + *archiver.LastFailed
		}
		return liveFinding{Subject: subject, Check: check, Status: liveFailed, Detail: detail}
	case archiver.LastArchived == nil || archiver.LastAt == nil:
		return liveFinding{Subject: subject, Check: check, Status: liveUnknown, Detail: "nothing was archived since the server's statistics began: SELECT pg_switch_wal()"}
	}
	return passed(subject, check, fmt.Sprintf("%s, %s ago", *archiver.LastArchived, now.Sub(*archiver.LastAt).Round(time.Second)))
}

// writersFinding asks who could write besides the roles that a recovery fences:
// its fence would fail for each, in the middle of an incident.
func writersFinding(ctx context.Context, subject string, database plan.Database, server pg.Server) liveFinding {
	const check = "nobody but the plan's roles may write"
	opts := fence.Options{Databases: []string{database.DBName}, Allowed: database.UnfencedRoles}
	for _, role := range database.Roles {
		opts.Roles = append(opts.Roles, role.Name)
	}
	others, err := fence.Others(ctx, server, opts)
	if err == nil && len(others) > 0 {
		err = failure.New(failure.CheckFailed, "others may, for whom the fence of a recovery would fail: %s", fence.Name(others)).
			WithHint("REVOKE the right, or ALTER ROLE … NOLOGIN and end its sessions; a role of the application belongs into databases[].roles, "+
				"and one that is to go on writing during a recovery into databases[].unfenced_roles of %s", database.Name)
	}
	return judged(subject, check, err)
}

// settingFinding judges a setting that must be on, for the reason given.
func settingFinding(subject string, report inspect.Report, name, why string) liveFinding {
	check := name + " is on"
	got, known := report.Setting(name)
	switch {
	case !known:
		return liveFinding{Subject: subject, Check: check, Status: liveUnknown, Detail: "the server does not say"}
	case got != "on":
		return liveFinding{Subject: subject, Check: check, Status: liveFailed, Detail: "it is " + got + ": " + why}
	}
	return passed(subject, check, "")
}

func checksumFinding(subject string, report inspect.Report) liveFinding {
	const check = "no page checksum failed"
	failures, known := report.ChecksumFailures()
	switch {
	case !known:
		return liveFinding{Subject: subject, Check: check, Status: liveUnknown, Detail: "the server does not know: page checksums are off"}
	case failures > 0:
		err := failure.New(failure.CheckFailed, "%d failures: starter run database-corruption --help", failures)
		return failedBy(subject, check, err)
	}
	return passed(subject, check, "")
}
