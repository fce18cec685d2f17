package reporting

import (
	"bytes"
	"context"
	"encoding/json"

	record "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// maxDocumentBytes bounds a report's JSON that is read back.
const maxDocumentBytes = 64 << 20

// reading is what a report says beyond its draft: all that could come out
// differently when it is made again.
type reading struct {
	Entries []evidence.Entry // of the timeline, verified against its head
	Problem string           // why there are none
	Version string           // of the program that made the report
}

// decide returns the run's report in full. The first attempt that stored its JSON
// anywhere has decided what every later one writes, also when the stores answer
// differently then. What it decided is believed only as far as it can be checked:
// entries must lead to the head, and everything else must come out the same.
func (a *Activities) decide(ctx context.Context, in WriteInput) (report.Input, reading, error) {
	document, err := replicate.Get(ctx, a.stores, keysOf(in.Run).json, store.Digest{}, maxDocumentBytes)
	if err != nil {
		made := a.read(ctx, in)
		return made.complete(in), made, nil //nolint:nilerr // there is none, or nobody can say: then the stores refuse a second one
	}
	made, err := readBack(document, in.Head)
	if err != nil {
		return report.Input{}, made, err
	}
	full := made.complete(in)
	again, err := report.JSON(full)
	if err == nil && !bytes.Equal(again, document) {
		err = failure.New(failure.Exists, "%s holds a report that this run did not make", keysOf(in.Run).json).
			WithHint("keep it for the investigation; the run's timeline is whole: starter status --run %s --timeline", in.Run.WorkflowID)
	}
	return full, made, err
}

// read reads the timeline back from the stores.
func (a *Activities) read(ctx context.Context, in WriteInput) reading {
	entries, err := record.Timeline(ctx, a.stores, in.Run, in.Head)
	if err != nil {
		return reading{Problem: err.Error(), Version: a.version}
	}
	return reading{Entries: entries, Version: a.version}
}

const (
	unbacked   = "The timeline could not be read back whole"
	versionKey = "holdfast"
)

// readBack takes the reading out of a report that is stored already.
func readBack(document []byte, head evidence.Head) (reading, error) {
	var there report.Input
	if err := json.Unmarshal(document, &there); err != nil {
		return reading{}, failure.Wrap(failure.Corrupt, err, "read the report that is stored already")
	}
	made := reading{Entries: there.Timeline}
	for _, issue := range there.Issues {
		if issue.Title == unbacked {
			made.Problem = issue.Resolution
		}
	}
	for _, version := range there.Versions {
		if version.Key == versionKey {
			made.Version = version.Value
		}
	}
	if made.Problem != "" {
		return made, nil
	}
	return made, evidence.Verify(made.Entries, head)
}

// complete adds the reading to the draft. A report without its evidence says so;
// it is not held back.
func (r reading) complete(in WriteInput) report.Input {
	full := in.Draft
	full.Head, full.Timeline = in.Head, r.Entries
	full.Gates = gatesOf(r.Entries, in.Roles)
	full.Versions = append(full.Versions[:len(full.Versions):len(full.Versions)], evidence.Pair{Key: versionKey, Value: r.Version})
	if r.Problem != "" {
		full.Issues = append(full.Issues[:len(full.Issues):len(full.Issues)], report.Issue{
			Title: unbacked, Severity: "High", Impact: "This report is not backed by its evidence.", Resolution: r.Problem,
		})
	}
	return full
}
