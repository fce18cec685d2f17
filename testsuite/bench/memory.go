package main

import (
	"context"
	"errors"
	"slices"
)

// Two labs of their own, around the size of the others: what is compared is ten times
// the data, where even the smaller is more than buffers can hold.
const (
	largeNumerator    = 2
	smallDenominator  = 5
	largeMemorySuffix = ", twice the data"
	smallMemorySuffix = ", a fifth of the data"
)

// measureMemory compares the highest memory of backups and restores with that at a
// tenth of the data.
func measureMemory(ctx context.Context, w *workshop, f *findings) error {
	if err := w.closeLab(); err != nil { // its disk space is needed
		return err
	}
	small, err := w.memoryAt(ctx, f, w.options.sizeBytes/smallDenominator, smallMemorySuffix)
	if err != nil {
		return err
	}
	large, err := w.memoryAt(ctx, f, w.options.sizeBytes*largeNumerator, largeMemorySuffix)
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

func (w *workshop) memoryAt(ctx context.Context, f *findings, sizeBytes int64, suffix string) (found map[string]float64, err error) {
	l, err := w.openLab(ctx, sizeBytes)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	return l.memory(ctx, f, suffix)
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
