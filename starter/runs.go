package main

import (
	"context"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// firstRuns lists, from the stores alone, the first-run IDs under which a
// workflow ID has left a record, in the order of their IDs. A store that does
// not answer is left out; none that answers is an error.
func firstRuns(ctx context.Context, stores []store.Store, workflow string) ([]string, error) {
	// The folder of any of its runs, without the run.
	prefix := path.Dir(strings.TrimSuffix(evidence.Run{WorkflowID: workflow, FirstRunID: "x"}.Folder(), "/")) + "/"
	found := map[string]bool{}
	answered := 0
	var last error
	for _, one := range stores {
		if err := addRuns(ctx, one, prefix, found); err != nil {
			last = err
			continue
		}
		answered++
	}
	if answered == 0 {
		return nil, failure.Wrap(failure.Unavailable, last, "look for the record of %s", workflow)
	}
	runs := make([]string, 0, len(found))
	for run := range found {
		runs = append(runs, run)
	}
	slices.Sort(runs)
	return runs, nil
}

// maxRuns bounds what a hostile store can make this program look at.
const maxRuns = 10_000

// addRuns steps from run to run: behind the first object of one, the listing
// goes on after all of its objects.
func addRuns(ctx context.Context, s store.Store, prefix string, found map[string]bool) error {
	after := ""
	for range maxRuns {
		next := ""
		for object, err := range s.List(ctx, prefix, store.ListOptions{After: after}) {
			if err != nil {
				return failure.Wrap(failure.ClassOf(err), err, "list %s in store %s", prefix, s.Name())
			}
			next = object.Key
			break
		}
		if next == "" {
			return nil
		}
		escaped, _, _ := strings.Cut(strings.TrimPrefix(next, prefix), "/")
		run, err := url.PathUnescape(escaped)
		if err != nil {
			return failure.Wrap(failure.Corrupt, err, "read the name %s in store %s", next, s.Name())
		}
		found[run] = true
		after = prefix + escaped + "0" // the character after '/': behind everything in the run's folder
	}
	return failure.New(failure.Corrupt, "store %s holds more than %d runs under %s", s.Name(), maxRuns, prefix)
}

// shownWord quotes what a person is to paste into a shell.
func shownWord(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:", r)
	}
	if text != "" && strings.IndexFunc(text, func(r rune) bool { return !plain(r) }) < 0 {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
