package main

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
)

const (
	changedPercent = 5

	deltaSame        = "delta restore, same"
	deltaSamePeer    = "pgBackRest delta restore, same"
	deltaChanged     = "delta restore, changed"
	deltaChangedPeer = "pgBackRest delta restore, changed"
)

// delta is one contender's directory, restored once and then over and over.
type delta struct {
	dir     string
	restore func(context.Context) (sample, error)
}

// measureDeltas restores over directories that hold the same backup already,
// unchanged and with changes at the same places.
func measureDeltas(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	if err := l.ensureBackups(ctx); err != nil {
		return err
	}
	ours, err := l.file.openDelta(ctx)
	if err != nil {
		return err
	}
	other, err := l.peer.openDelta(ctx)
	if err != nil {
		return err
	}
	f.raw, err = w.takeTurns(ctx, []contender{
		{deltaSame, ours.unchanged, []string{rowDeltaSame}},
		{deltaSamePeer, other.unchanged, []string{rowDeltaSame}},
		{deltaChanged, ours.changed, []string{rowDeltaChanged}},
		{deltaChangedPeer, other.changed, []string{rowDeltaChanged}},
	})
	if err != nil {
		return err
	}
	f.faster(rowDeltaSame, deltaSame, deltaSamePeer)
	f.faster(rowDeltaChanged, deltaChanged, deltaChangedPeer)
	f.note("Delta restores: %d %% of the bytes below base/ are changed in runs of 1 MiB, at the same places for both, drawn from a fixed seed.", changedPercent)
	return firstOf(os.RemoveAll(filepath.Dir(ours.dir)), os.RemoveAll(other.dir))
}

// openDelta restores the set once. The directory then stands for this host's own:
// a plan names it, and it carries the primary's marker, as a damaged cluster does.
func (b *bed) openDelta(ctx context.Context) (delta, error) {
	workspace := filepath.Join(b.dir, "delta")
	_, out, err := b.restore(ctx, b.restoreCommand(ctx, "prepare", b.planFile, "--to", workspace))
	if err != nil {
		return delta{}, err
	}
	marker, _, err := cluster.ReadMarker(b.Primary.DataDir)
	if err != nil {
		return delta{}, err
	}
	named := b.plan
	named.Databases = slices.Clone(b.plan.Databases)
	named.Databases[0].Hosts = slices.Clone(named.Databases[0].Hosts)
	for i := range named.Databases[0].Hosts {
		if named.Databases[0].Hosts[i].Host == b.Primary.Host {
			named.Databases[0].Hosts[i].DataDir = out.DataDir
		}
	}
	planFile := filepath.Join(b.dir, b.name, "plan-delta.yaml")
	return delta{out.DataDir, func(ctx context.Context) (sample, error) {
		if err := cluster.WriteMarker(b.owner, out.DataDir, marker, true); err != nil {
			return sample{}, err
		}
		dropCaches()
		made, _, err := b.restore(ctx, b.restoreCommand(ctx, "delta", planFile, "--in-place", "--delta", "--no-way-back", "bench", "--yes"))
		kept, _ := filepath.Glob(out.DataDir + ".inplace-*") // the pattern is well formed
		for _, path := range kept {
			err = firstOf(err, os.RemoveAll(path))
		}
		return made, err
	}}, b.writeYAML(planFile, named)
}

func (p *peer) openDelta(ctx context.Context) (delta, error) {
	dir := filepath.Join(p.dir, "delta-peer")
	_, err := p.restore(ctx, dir)
	return delta{dir, func(ctx context.Context) (sample, error) {
		dropCaches()
		return p.restore(ctx, dir, "--delta")
	}}, err
}

func (d delta) unchanged(ctx context.Context) (sample, error) { return d.restore(ctx) }

func (d delta) changed(ctx context.Context) (sample, error) {
	if err := scatter(d.dir, changedPercent); err != nil {
		return sample{}, err
	}
	return d.restore(ctx)
}

const runBytes = 1 << 20

// place is a run of bytes in a file.
type place struct {
	path   string
	offset int64
}

// scatter changes a share of what is below base/, at places drawn from a fixed
// seed: the same in every directory that holds the same backup.
func scatter(dir string, percent int) error {
	var places []place
	err := filepath.WalkDir(filepath.Join(dir, "base"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		info, err := entry.Info()
		for offset := int64(0); err == nil && offset+runBytes <= info.Size(); offset += runBytes {
			places = append(places, place{path, offset})
		}
		return err
	})
	if err != nil || len(places) == 0 {
		return failure.New(failure.NotFound, "no data to change below %s: %v", dir, err)
	}
	dice := rand.New(rand.NewPCG(seed, seed)) // #nosec G404 -- the same places each time
	dice.Shuffle(len(places), func(i, j int) { places[i], places[j] = places[j], places[i] })
	for _, one := range places[:max(1, len(places)*percent/100)] {
		if err := one.change(); err != nil {
			return failure.Wrap(failure.Unavailable, err, "change %s", one.path)
		}
	}
	return nil
}

func (p place) change() error {
	file, err := os.OpenFile(p.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	content := make([]byte, runBytes)
	if _, err = file.ReadAt(content, p.offset); err == nil {
		for i := range content {
			content[i] = ^content[i]
		}
		_, err = file.WriteAt(content, p.offset)
	}
	return firstOf(err, file.Close())
}
