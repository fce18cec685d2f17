package reporting

import (
	"context"
	"fmt"
	"slices"
	"time"

	record "github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/evidence"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/report"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

// Prefix begins the names of this package's activities.
const Prefix = "reporting."

// lock is how long a report cannot be deleted by anybody: an annual audit sees it.
const lock = 400 * 24 * time.Hour

// Activities write reports to the stores they were made with.
type Activities struct {
	stores  []store.Store
	version string // of this program
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities for stores; version is this program's.
func New(stores []store.Store, version string) *Activities {
	return &Activities{stores: stores, version: version}
}

// WriteInput is a report without what only the stores hold.
type WriteInput struct {
	Run   record.Run    `json:"run"`
	Draft report.Input  `json:"draft"`
	Head  evidence.Head `json:"head"` // of the whole timeline
	// Roles holds, for each person who may have decided, the roles they hold.
	Roles map[string]string `json:"roles,omitempty"`
}

// Written says where a report is.
type Written struct {
	Markdown string                  `json:"markdown"` // object key
	HTML     string                  `json:"html"`
	JSON     string                  `json:"json"`
	Digests  map[string]store.Digest `json:"digests"` // by object key
	Stores   []string                `json:"stores"`  // that hold all three
	Problems []string                `json:"problems,omitempty"`
}

// Write completes the draft with the run's timeline, verified against its head,
// renders it and keeps it in every store. Run twice for one run it writes the
// same bytes: the moment of generation is the draft's.
func (a *Activities) Write(ctx context.Context, in WriteInput) (Written, error) {
	written, err := a.write(ctx, in)
	return written, boundary.Out(err)
}

func (a *Activities) write(ctx context.Context, in WriteInput) (Written, error) {
	draft := in.Draft
	draft.Head = in.Head
	draft.Versions = append(draft.Versions, evidence.Pair{Key: "holdfast", Value: a.version})
	var written Written
	entries, err := record.Timeline(ctx, a.stores, in.Run, in.Head)
	if err != nil {
		// A report without its evidence says so; it is not held back.
		written.Problems = append(written.Problems, err.Error())
		draft.Issues = append(draft.Issues, report.Issue{
			Title: "The timeline could not be read back whole", Severity: "High",
			Impact: "This report is not backed by its evidence.", Resolution: err.Error(),
		})
	}
	draft.Timeline = entries
	draft.Gates = gatesOf(entries, in.Roles)
	return a.keep(ctx, in.Run, draft, written)
}

func (a *Activities) keep(ctx context.Context, run record.Run, draft report.Input, written Written) (Written, error) {
	page, err := report.HTML(draft)
	if err != nil {
		return written, err
	}
	document, err := report.JSON(draft)
	if err != nil {
		return written, err
	}
	folder := run.Folder() + "report/"
	written.Markdown, written.HTML, written.JSON = folder+"report.md", folder+"report.html", folder+"report.json"
	written.Digests = map[string]store.Digest{}
	until := draft.GeneratedAt.Add(lock)
	for _, object := range []struct {
		key  string
		body []byte
	}{{written.Markdown, report.Markdown(draft)}, {written.HTML, page}, {written.JSON, document}} {
		copies, err := replicate.Put(ctx, a.stores, object.key, object.body, until)
		if err != nil {
			return written, failure.Wrap(failure.ClassOf(err), err, "keep report")
		}
		written.Digests[object.key] = copies.SHA256
		for _, missing := range copies.Missing {
			written.Problems = append(written.Problems, fmt.Sprintf("store %s did not take %s", missing, object.key))
		}
		if written.Stores == nil {
			written.Stores = copies.Stores
		}
		written.Stores = slices.DeleteFunc(written.Stores, func(name string) bool { return !slices.Contains(copies.Stores, name) })
	}
	return written, nil
}
