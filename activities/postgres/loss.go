package postgres

import (
	"context"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/onset"
)

// maxLossTables bounds how many tables a history carries.
const maxLossTables = 500

// MeasureLoss counts, per table, the rows that committed transactions changed
// between where recovery ended and the fence: the work the target leaves behind.
// It only reads. Names come from both catalogs, for what was dropped is known to
// the restored one only.
func (a *Activities) MeasureLoss(ctx context.Context, in LossInput) (Loss, error) {
	loss, err := a.measureLoss(ctx, in)
	return loss, boundary.Out(err)
}

func (a *Activities) measureLoss(ctx context.Context, in LossInput) (Loss, error) {
	defer pulse.Start(ctx).Stop()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Loss{}, err
	}
	c, err := t.open(Serving)
	if err != nil {
		return Loss{}, err
	}
	identity, err := c.Identity(ctx)
	if err != nil {
		return Loss{}, err
	}
	if in.Until != 0 && in.From >= in.Until {
		if in.Timeline != identity.Timeline {
			return Loss{Detail: "recovery ended on another timeline, at or after the position of the fence"}, nil
		}
		return Loss{Complete: true}, nil // recovered past the last possible write
	}
	local, err := localWAL(c, identity, in.Until)
	if err != nil {
		return Loss{Detail: err.Error()}, nil //nolint:nilerr // unknown is the answer, and says why
	}
	var names []*damage.Names
	for _, side := range []Side{Serving, Restored} {
		server, err := t.server(side)
		if err != nil {
			return Loss{}, err
		}
		if known, err := damage.ReadNames(ctx, server); err == nil {
			names = append(names, known)
		}
	}
	counted, err := onset.Count(ctx, c.Programs, []onset.Range{local}, in.From, in.Until, names...)
	if err != nil {
		return Loss{}, err
	}
	loss := lossOf(counted)
	if local.From > in.From {
		loss.Complete = false
		loss.Detail = "WAL between " + in.From.String() + " and " + local.From.String() + " is no longer on this host: figures are lower bounds"
	}
	return loss, nil
}

func lossOf(counted onset.Loss) Loss {
	loss := Loss{
		Transactions: counted.Transactions, Complete: counted.Complete, Detail: counted.Detail,
		Unattributed: counted.Unattributed.Inserted + counted.Unattributed.Updated + counted.Unattributed.Deleted,
	}
	for _, table := range counted.Tables[:min(len(counted.Tables), maxLossTables)] {
		loss.Tables = append(loss.Tables, TableLoss{
			Table: table.Database + "." + table.Table, Inserted: table.Inserted, Updated: table.Updated, Deleted: table.Deleted,
		})
	}
	return loss
}
