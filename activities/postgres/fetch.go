package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
)

// FetchBase restores the set's files into the workspace, each hash checked before
// it is believed. Killed, it goes on where it was; finished and run again it
// changes nothing.
func (a *Activities) FetchBase(ctx context.Context, in FetchInput) (Fetched, error) {
	fetched, err := a.fetchBase(ctx, in)
	return fetched, boundary.Out(err)
}

func (a *Activities) fetchBase(ctx context.Context, in FetchInput) (Fetched, error) {
	beat := pulse.Start(ctx)
	defer beat.Stop()
	begin := time.Now()
	t, err := a.resolve(in.Where)
	if err != nil {
		return Fetched{}, err
	}
	keys, err := a.unseal(ctx, t, in.Released)
	if err != nil {
		return Fetched{}, err
	}
	owner, err := pg.OwnerOf(t.host.DataDir)
	if err != nil {
		return Fetched{}, err
	}
	restored, err := restore.Beside(ctx, t.workspace, restore.Config{Owner: owner, Archive: archive.RestoreConfig{
		Stores: a.Stores, Source: t.database.Name, SetID: archive.SetID(in.Choice.Set.ID), Trusted: a.Trust, Keys: keys,
		Progress: func(p archive.Progress) { beat.Report(p) }, Log: a.Log,
	}})
	if err != nil {
		return Fetched{}, err
	}
	out := Fetched{
		Dir: restored.DataDir, Files: int(restored.Archive.Files), Bytes: restored.Archive.BytesWritten,
		Took: time.Since(begin), FromStores: in.Choice.Set.Stores,
	}
	for _, repair := range restored.Archive.Repairs {
		out.Repairs = append(out.Repairs, fmt.Sprintf("%+v", repair))
	}
	return out, nil
}
