package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/internal/pg/heartbeat"
	"github.com/terragonlabs/holdfast/internal/wal"
)

func (a *app) databaseCommand() *cobra.Command {
	parent := onlyGroup(&cobra.Command{
		Use: "database", Short: "Put a database under protection",
		Example: "  starter database enroll --database research --host db-1",
	})
	parent.AddCommand(a.databaseEnroll())
	return parent
}

func (a *app) databaseEnroll() *cobra.Command {
	var database, writer string
	var host hostFlags
	command := &cobra.Command{
		Use:   "enroll",
		Short: "Prepare a database for heartbeats, checks and recovery",
		Long: `Creates in the database what holdfast needs there: the schema holdfast with the
heartbeat table, and the extension amcheck. It marks the data directory with an
incarnation, by which a damaged cluster and a restored one, equal in everything
else, are told apart.

It must run on the primary's host. Run twice it changes nothing.`,
		Example: "  starter database enroll --plan plan.yaml --database research --host db-1",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.enroll(cmd.Context(), database, writer, host) },
	}
	command.Flags().StringVar(&database, "database", "", "database, as the plan names it")
	command.Flags().StringVar(&writer, "writer", "", "role the WAL daemon connects as (default: the plan's superuser)")
	host.bind(command.Flags())
	return command
}

// enrolled is what `database enroll -o json` prints.
type enrolled struct {
	Database    string       `json:"database"`
	Host        string       `json:"host"`
	DataDir     string       `json:"data_dir"`
	SystemID    wal.SystemID `json:"system_id"`
	Incarnation string       `json:"incarnation"`
	Table       string       `json:"table"`
}

func (a *app) enroll(ctx context.Context, database, writer string, host hostFlags) error {
	loaded, err := a.loadPlan()
	if err != nil {
		return err
	}
	protected, err := databaseOf(loaded, database)
	if err != nil {
		return err
	}
	here, err := serverOn(protected, host.name)
	if err != nil {
		return err
	}
	if writer == "" {
		writer = protected.Superuser
	}
	out, err := enroll(ctx, protected.Name, writer, here)
	if err != nil {
		return err
	}
	return a.print(out, func(w *tabwriter.Writer) {
		fmt.Fprintf(w, "%s enrolled\t%s on %s\n", a.color(green, "✓"), out.Database, out.Host)
		fmt.Fprintf(w, "directory\t%s\n", out.DataDir)
		fmt.Fprintf(w, "system\t%s, incarnation %s\n", out.SystemID, out.Incarnation)
		fmt.Fprintf(w, "%s\tworker wal --config FILE serve, then starter backup create --database %s --host %s\n", a.color(bold, "next:"), out.Database, out.Host)
	})
}

func enroll(ctx context.Context, database, writer string, here server) (enrolled, error) {
	identity, err := here.cluster.Identity(ctx)
	if err != nil {
		return enrolled{}, err
	}
	err = here.pg.Do(ctx, func(conn *pgx.Conn) error {
		return heartbeat.Enroll(ctx, conn, heartbeat.EnrollOptions{Writer: writer})
	})
	if err != nil {
		return enrolled{}, err
	}
	marker, err := here.cluster.Enroll()
	return enrolled{
		Database: database, Host: here.host.Host, DataDir: here.cluster.DataDir, SystemID: identity.SystemID,
		Incarnation: marker.Incarnation, Table: heartbeat.Table,
	}, err
}
