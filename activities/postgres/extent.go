package postgres

import (
	"context"
	"strings"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
)

// maxTables bounds how many damaged relations a history carries.
const maxTables = 200

// MeasureExtent verifies the checksum of every page of the cluster, tables and
// indexes, and says what is damaged. It only reads.
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
	return extentOf(report), nil
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
			Relation: table.String(), Kind: table.Kind, Pages: table.Pages, PagesBad: table.PagesBad, Detail: strings.Join(table.Files, ", "),
		})
	}
	return extent
}
