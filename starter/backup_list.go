package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/recovery"
)

func (a *app) backupList() *cobra.Command {
	var database string
	command := &cobra.Command{
		Use:   "list",
		Short: "List the sets in all stores, and what is odd about them",
		Long: `Lists every set of a database that the stores hold, from their signed
descriptors: no private key is needed. Sets that are not signed by a host of the
plan, delete markers and other oddities are listed below the table.`,
		Example: `  starter backup list --database research
  starter backup list --database research -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listBackups(cmd.Context(), database) },
	}
	command.Flags().StringVar(&database, "database", "", "database, as the plan names it")
	return command
}

// backups is what `backup list -o json` prints.
type backups struct {
	Database    string                `json:"database"`
	Sets        []recovery.SetSummary `json:"sets"`
	Anomalies   []string              `json:"anomalies"`
	Unreachable map[string]string     `json:"unreachable,omitempty"` // stores, and why; what they hold is not known
}

func (a *app) listBackups(ctx context.Context, database string) error {
	s, err := a.openShelf(ctx, database)
	if err != nil {
		return err
	}
	listing, err := archive.List(ctx, s.stores, s.database.Name, s.trust)
	if err != nil {
		return s.done(err)
	}
	out := backupsOf(s.database.Name, listing)
	names := s.storeNames()
	return s.done(a.print(out, func(w *tabwriter.Writer) { a.showBackups(w, out, names) }))
}

func backupsOf(database string, listing *archive.Listing) backups {
	out := backups{Database: database, Sets: []recovery.SetSummary{}, Anomalies: []string{}}
	for _, set := range listing.Sets {
		if summary, isPostgres := catalog.Summarize(set); isPostgres {
			out.Sets = append(out.Sets, summary)
		}
	}
	for _, anomaly := range listing.Anomalies {
		out.Anomalies = append(out.Anomalies, anomalyText(anomaly))
	}
	for name, err := range listing.Unreachable {
		if out.Unreachable == nil {
			out.Unreachable = map[string]string{}
		}
		out.Unreachable[name] = err.Error()
	}
	return out
}

func anomalyText(anomaly archive.Anomaly) string {
	text := fmt.Sprintf("set %s: %s", anomaly.Set, anomaly.Kind)
	if anomaly.Store != "" {
		text += " in store " + anomaly.Store
	}
	return text + ": " + anomaly.Detail
}

func (s shelf) storeNames() []string {
	var names []string
	for _, one := range s.stores {
		names = append(names, one.Name())
	}
	return names
}

func (a *app) showBackups(w *tabwriter.Writer, out backups, stores []string) {
	if len(out.Sets) == 0 {
		fmt.Fprintf(w, "no backup of %s yet: starter backup create --help\n", out.Database)
	} else {
		fmt.Fprintln(w, "SET\tKIND\tTL\tSTART\tSTOP\tFINISHED\tSIZE\tSTORED\tSTORES\tDAMAGED\tVERIFIED")
	}
	for _, set := range out.Sets {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", set.ID, set.Kind, set.Timeline, set.StartLSN, set.StopLSN,
			set.StoppedAt.UTC().Format(time.RFC3339), bytesText(set.SizeBytes), bytesText(set.StoredBytes),
			a.storesText(set.Stores, stores), a.damagedText(set.Damaged), set.Verified)
	}
	for _, anomaly := range out.Anomalies {
		fmt.Fprintf(w, "%s %s\n", a.color(yellow, "!"), anomaly)
	}
	for name, why := range out.Unreachable {
		fmt.Fprintf(w, "%s store %s does not answer; what it holds is not known: %s\n", a.color(red, "✗"), name, why)
	}
}

// storesText names the stores that hold a set whole, and how many it lacks.
func (a *app) storesText(has, all []string) string {
	text := strings.Join(has, ",")
	missing := 0
	for _, name := range all {
		if !slices.Contains(has, name) {
			missing++
		}
	}
	if missing > 0 {
		text += fmt.Sprintf(" (%d missing)", missing)
	}
	return text
}

func (a *app) damagedText(damaged bool) string {
	if damaged {
		return "yes"
	}
	return "no"
}
