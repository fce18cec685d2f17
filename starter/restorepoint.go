package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/inspect"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

func (a *app) restorePointCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{
		Use: "restore-point", Short: "Name a moment to recover to",
		Example: "  starter restore-point create --database research --name before-migration-42",
	})
	parent.AddCommand(a.restorePointCreate())
	return parent
}

func (a *app) restorePointCreate() *cobra.Command {
	var database, name string
	command := &cobra.Command{
		Use:   "create",
		Short: "Name this moment in the database's WAL",
		Long: `Writes a named restore point into the WAL of the database's primary, as
pg_create_restore_point does, and records its position in the plan's stores, so
that --target-name finds it when the database is gone. Do it before every risky
change.

A name is used once: recovery would stop at the first of two.`,
		Example: "  starter restore-point create --database research --name before-migration-42",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.createRestorePoint(cmd.Context(), database, name) },
	}
	command.Flags().StringVar(&database, "database", "", "database, as the plan names it")
	command.Flags().StringVar(&name, "name", "", "name of the moment, at most 63 bytes (required)")
	return command
}

// pointOut is what `restore-point create -o json` prints.
type pointOut struct {
	recovery.RestorePoint

	Stores  []string `json:"stores"`
	Missing []string `json:"missing,omitempty"` // stores that did not take the record
}

func (a *app) createRestorePoint(ctx context.Context, database, name string) error {
	if name == "" {
		return missingFlag("name", "--name before-migration-42")
	}
	target, err := recovery.ParseTarget(recovery.TargetName, name)
	if err != nil {
		return err
	}
	s, err := a.openShelf(ctx, database)
	if err != nil {
		return err
	}
	taken, err := catalog.Points(ctx, s.stores, s.database.Name)
	if err != nil {
		return s.done(err)
	}
	for _, one := range taken {
		if one.Name == target.Name {
			return s.done(failure.New(failure.Exists, "restore point %q was made at %s already", one.Name, one.LSN).WithHint("--name ANOTHER"))
		}
	}
	point, err := makePoint(ctx, s, target.Name)
	if err != nil {
		return s.done(err)
	}
	out, err := keepPoint(ctx, s, point)
	if err != nil {
		return s.done(err)
	}
	return s.done(a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s restore point\t%s\n", a.color(green, "✓"), out.Name)
		fmt.Fprintf(w, "position\t%s on timeline %d\n", out.LSN, out.Timeline)
		fmt.Fprintf(w, "recorded in\t%v\n", out.Stores)
		fmt.Fprintf(w, "%s\tstarter run database-corruption --target-name %s\n", a.color(bold, "to go back:"), out.Name)
	}))
}

// makePoint asks the primary. Run twice it makes a second point of the same
// name, which the record in the stores refuses.
func makePoint(ctx context.Context, s shelf, name string) (recovery.RestorePoint, error) {
	host, ok := s.database.Primary()
	if !ok {
		return recovery.RestorePoint{}, failure.New(failure.NotFound, "the plan names no primary of database %s", s.database.Name)
	}
	server, err := binding.Server(s.database, host)
	if err != nil {
		return recovery.RestorePoint{}, err
	}
	report := inspect.Inspect(ctx, server)
	switch {
	case report.Reach != inspect.Reachable:
		return recovery.RestorePoint{}, failure.New(failure.Unavailable, "reach the primary %s: %s", server, report.Reason).
			WithHint("run this where the plan's socket or connection string of host %s works", host.Host)
	case report.InRecovery:
		return recovery.RestorePoint{}, failure.New(failure.Refused, "%s is a standby: restore points are made on the primary", server)
	}
	point := recovery.RestorePoint{Name: name, Timeline: report.Timeline}
	err = server.Do(ctx, func(conn *pgx.Conn) error {
		var lsn string
		row := conn.QueryRow(ctx, "SELECT pg_create_restore_point($1)::text, clock_timestamp()", name)
		if err := row.Scan(&lsn, &point.At); err != nil {
			return pg.Classify(err, "make restore point %q", name)
		}
		point.At = point.At.UTC()
		return point.LSN.UnmarshalText([]byte(lsn))
	})
	return point, err
}

func keepPoint(ctx context.Context, s shelf, point recovery.RestorePoint) (pointOut, error) {
	copies, err := catalog.KeepPoint(ctx, s.stores, s.database.Name, point)
	return pointOut{RestorePoint: point, Stores: copies.Stores, Missing: copies.Missing}, err
}
