package evidence

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/store"
)

// RecordUndo mirrors a compensation in every store, before the danger it is for.
// Running twice writes nothing new.
func (a *Activities) RecordUndo(ctx context.Context, in UndoIn) (Where, error) {
	where, err := a.putEverywhere(ctx, in.Run.undo(in.Undo.Number, "recorded"), in.Undo, time.Time{})
	return where, boundary.Out(err)
}

// RecordUndone mirrors what became of a compensation. Running twice writes
// nothing new; a second, different outcome is failure.Exists.
func (a *Activities) RecordUndone(ctx context.Context, in UndoneIn) (Where, error) {
	where, err := a.putEverywhere(ctx, in.Run.undo(in.Number, "done"), in, time.Time{})
	return where, boundary.Out(err)
}

// Pending returns the compensations of a run that have no outcome in any store,
// last first: what `starter undo` must run. It needs no Temporal. A store that
// does not answer is left out, and named in the error beside the result; with no
// store left the result is empty.
func Pending(ctx context.Context, stores []store.Store, run Run) ([]UndoRecord, error) {
	records := map[int]UndoRecord{}
	done := map[int]bool{}
	var errs []error
	for _, s := range stores {
		if err := readUndos(ctx, s, run, records, done); err != nil {
			errs = append(errs, err)
		}
	}
	var pending []UndoRecord
	for number, record := range records {
		if !done[number] {
			pending = append(pending, record)
		}
	}
	slices.SortFunc(pending, func(x, y UndoRecord) int { return cmp.Compare(y.Number, x.Number) })
	return pending, failure.Wrap(failure.Unavailable, errors.Join(errs...), "read undo records")
}

func readUndos(ctx context.Context, s store.Store, run Run, records map[int]UndoRecord, done map[int]bool) error {
	prefix := run.folder() + "undo/"
	for object, err := range s.List(ctx, prefix, store.ListOptions{}) {
		if err != nil {
			return failure.Wrap(failure.ClassOf(err), err, "list %s in store %s", prefix, s.Name())
		}
		number, name, ok := splitUndo(strings.TrimPrefix(object.Key, prefix))
		if !ok {
			return failure.New(failure.Corrupt, "%s in store %s is no undo record", object.Key, s.Name())
		}
		if name == "done.json" {
			done[number] = true
			continue
		}
		var record UndoRecord
		if err := get(ctx, s, object.Key, &record); err != nil {
			return err
		}
		if record.Number != number {
			return failure.New(failure.Corrupt, "%s in store %s holds undo record %d", object.Key, s.Name(), record.Number)
		}
		records[number] = record
	}
	return nil
}

// splitUndo reads "000001/recorded.json".
func splitUndo(rest string) (number int, name string, ok bool) {
	folder, name, ok := strings.Cut(rest, "/")
	if !ok || name != "recorded.json" && name != "done.json" {
		return 0, "", false
	}
	number, err := strconv.Atoi(folder)
	return number, name, err == nil && number > 0
}
