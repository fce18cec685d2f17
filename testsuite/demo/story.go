package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// Rows the application writes before and after the damage; it writes twenty a second.
const (
	rowsBefore = 40
	rowsAfter  = 40
)

// story is the demo under way.
type story struct {
	*scenario.Scenario
	screen *console
	wish   wish
	damage scenario.Damage
}

// tell plays the whole story. It reports whether everything promised was kept.
func tell(ctx context.Context, screen *console, w wish) (good bool, err error) {
	screen.line("%s", screen.paint(bold, "holdfast: a database is damaged and brought back, on real servers"))
	s := &story{screen: screen, wish: w}
	screen.title("Before")
	err = screen.stage("Start the servers", func() (string, error) {
		s.Scenario, err = scenario.Open(ctx, w.options)
		return "Temporal, PostgreSQL ×2, PgBouncer, S3, GCS, SMTP on loopback", err
	})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.screen.closing(s.Close)) }()
	for _, part := range []func(context.Context) error{s.prepare, s.protect, s.harm, s.recover} {
		if err := part(ctx); err != nil {
			return false, err
		}
	}
	good, err = s.judge(ctx)
	if err == nil && w.keep {
		s.keep(ctx)
	}
	return good, err
}

func (s *story) prepare(ctx context.Context) error {
	s.screen.note("plan %s, for this demo changed as follows:", s.wish.options.PlanFile)
	for _, change := range s.Changes {
		s.screen.note("· %s", change)
	}
	return s.screen.stage("Load research data", func() (string, error) {
		if err := s.Load(ctx); err != nil {
			return "", err
		}
		size, err := s.databaseBytes(ctx)
		return megabytes(size), err
	})
}

func (s *story) protect(ctx context.Context) error {
	err := s.screen.stage("Protect it", func() (string, error) {
		return "WAL daemon, heartbeat every second, workers on each host", s.Protect(ctx)
	})
	if err != nil {
		return err
	}
	err = s.screen.stage("Back it up", func() (string, error) {
		made, err := s.BackUp(ctx)
		return fmt.Sprintf("%s to %d stores, %s there", megabytes(made.Set.SizeBytes), len(made.Set.Stores), megabytes(made.Set.StoredBytes)), err
	})
	if err != nil {
		return err
	}
	return s.screen.stage("The application writes on", func() (string, error) {
		return fmt.Sprintf("%d rows acknowledged", rowsBefore), s.WriteOn(ctx, rowsBefore)
	})
}

func (s *story) harm(ctx context.Context) error {
	s.screen.title("The disaster")
	err := s.screen.stage("Damage the database", func() (what string, err error) {
		s.damage, err = s.Damage(ctx, s.wish.damage)
		return "", err
	})
	if err != nil {
		return err
	}
	s.screen.line("    %s", s.screen.paint(red, s.damage.What))
	for _, rows := range s.damage.Rows {
		s.screen.note("%s: %d rows deleted, %d overwritten", rows.Table, rows.Deleted, rows.Updated)
	}
	return s.screen.stage("Nobody notices yet", func() (string, error) {
		return fmt.Sprintf("%d more rows acknowledged", rowsAfter), s.WriteOn(ctx, rowsAfter)
	})
}

func (s *story) databaseBytes(ctx context.Context) (size int64, err error) {
	conn, err := s.Connect(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }() // read only
	return size, conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&size)
}

// keep leaves everything running until the person has seen enough.
func (s *story) keep(ctx context.Context) {
	s.screen.title("KEEP=1: everything keeps running")
	for _, line := range []string{
		"Temporal Web UI   " + s.Temporal.UI + "/namespaces/" + s.Temporal.Namespace + "/workflows",
		"files             " + s.Dir,
		"the plan          " + s.PlanFile,
		"talk to it        export TEMPORAL_ADDRESS=" + s.Temporal.Address + " HOLDFAST_PLAN=" + s.PlanFile,
		"                  " + s.Program("starter") + " status --run " + s.WorkflowID(),
	} {
		s.screen.line("    %s", line)
	}
	s.screen.line("    Ctrl-C ends and removes all of it.")
	<-ctx.Done()
	s.screen.line("\n    stopping after %s", time.Since(s.screen.begin).Round(time.Second))
}
