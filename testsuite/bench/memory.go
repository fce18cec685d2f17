package main

import (
	"context"
	"errors"
	"slices"
)

const smaller = 10 // times less data in the second lab

// measureMemory compares the highest memory of backups and restores at the full
// size with that at a tenth of it.
func measureMemory(ctx context.Context, w *workshop, f *findings) error {
	l, err := w.ready(ctx)
	if err != nil {
		return err
	}
	large, err := l.memory(ctx, f, "")
	if err != nil {
		return err
	}
	small, err := w.smallMemory(ctx, f)
	if err != nil {
		return err
	}
	highest, grew := "", ""
	for name := range large {
		if highest == "" || large[name] > large[highest] {
			highest = name
		}
		if grew == "" || large[name]/small[name] > large[grew]/small[grew] {
			grew = name
		}
	}
	f.limit(rowMemory, large[highest])
	f.compare(rowGrowth, large[grew], small[grew])
	f.note("Memory: highest in %q, grew most in %q.", highest, grew)
	return nil
}

func (w *workshop) smallMemory(ctx context.Context, f *findings) (found map[string]float64, err error) {
	small, err := w.openLab(ctx, w.options.sizeBytes/smaller)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, small.Close()) }()
	return small.memory(ctx, f, ", a tenth")
}

// memory returns the highest resident size, in MiB, of each kind of work.
func (l *lab) memory(ctx context.Context, f *findings, suffix string) (map[string]float64, error) {
	filesOf := func(b *bed) func(context.Context) (sample, error) {
		return func(ctx context.Context) (sample, error) { return b.restoreBeside(ctx, false) }
	}
	rows := []string{rowMemory, rowGrowth}
	turns, err := l.workshop.takeTurns(ctx, []contender{
		{"memory: backup to two file stores" + suffix, l.file.coldBackup, rows},
		{"memory: restore from a file store" + suffix, filesOf(l.file), rows},
		{"memory: backup to S3 and GCS" + suffix, l.cloud.coldBackup, rows},
		{"memory: restore from S3 and GCS" + suffix, filesOf(l.cloud), rows},
	})
	found := map[string]float64{}
	for name, samples := range turns {
		f.raw[name] = samples
		sizes := pick(samples, func(s sample) float64 { return float64(s.MaxRSSBytes) / (1 << 20) })
		found[name[:len(name)-len(suffix)]] = slices.Max(sizes)
	}
	return found, err
}
