package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/amcheck"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
)

// maxTables bounds how many damaged relations a history carries.
const maxTables = 200

// MeasureExtent verifies the checksum of every page of the cluster, and the
// structure of every table and index of the database, and says what is damaged.
// It only reads.
func (a *Activities) MeasureExtent(ctx context.Context, in ExtentInput) (Extent, error) {
	extent, err := a.measure(ctx, in)
	return extent, boundary.Out(err)
}

func (a *Activities) measure(ctx context.Context, in ExtentInput) (Extent, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Extent{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return Extent{}, err
	}
	if _, err := c.Require(ctx, expected(in.Expect)); err != nil {
		return Extent{}, err
	}
	server, err := t.server(Serving)
	if err != nil {
		return Extent{}, err
	}
	report, err := damage.Extent(ctx, c, &server, damage.Options{Progress: func(read, total int64) { beat.Report([2]int64{read, total}) }})
	if err != nil {
		return Extent{}, err
	}
	extent := extentOf(report)
	extent.addStructure(ctx, server.In(t.database.DBName), t.database.DBName)
	return extent, nil
}

// structureLimit bounds amcheck over the damaged database: people wait for the
// assessment, and what it did not get to is said.
const structureLimit = 5 * time.Minute

// addStructure adds what amcheck finds: damage that no page checksum shows.
func (e *Extent) addStructure(ctx context.Context, server pg.Server, database string) {
	ctx, cancel := context.WithTimeout(ctx, structureLimit)
	defer cancel()
	result, err := amcheck.Run(ctx, server, amcheck.Options{Databases: []string{database}})
	e.Relations, e.More = result.Relations, result.More
	for _, finding := range result.Findings {
		if len(e.Findings) == maxFindings {
			e.More++
			continue
		}
		e.Findings = append(e.Findings, finding.Relation+": "+finding.Message)
	}
	unknown := append(result.Skipped, result.Unknown...)
	if err != nil {
		unknown = append(unknown, "amcheck: "+err.Error())
	}
	e.Unknown = append(e.Unknown, unknown...)
	e.Unknown = e.Unknown[:min(len(e.Unknown), maxFindings)]
}

func extentOf(report damage.Report) Extent {
	extent := Extent{PagesRead: report.Pages, PagesBad: report.PagesBad, Unknown: report.Unknown}
	for i, table := range report.Tables {
		if table.Kind == "index" {
			extent.IndexesBad++
		}
		if i >= maxTables {
			extent.MoreTables++
			continue
		}
		extent.Tables = append(extent.Tables, TableDamage{
			Relation: table.String(), Kind: table.Kind, Pages: table.Pages, PagesBad: table.PagesBad, Detail: clipped(strings.Join(table.Files, ", ")),
		})
	}
	return extent
}

// clipped keeps a long list from filling the history.
func clipped(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + " …"
}
