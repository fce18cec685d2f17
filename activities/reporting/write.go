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
// renders it and keeps it in every store. One run has one report: a call that comes
// twice, or after one that was cut short, goes on with what the first one decided.
//
// Errors: Exists when the stores hold a report of this run that it did not make;
// Unavailable when no store takes it.
func (a *Activities) Write(ctx context.Context, in WriteInput) (Written, error) {
	written, err := a.write(ctx, in)
	return written, boundary.Out(err)
}

func (a *Activities) write(ctx context.Context, in WriteInput) (Written, error) {
	written, err := a.decideAndKeep(ctx, in)
	if failure.Is(err, failure.Exists) { // another attempt was faster between our look and our word
		return a.decideAndKeep(ctx, in)
	}
	return written, err
}

func (a *Activities) decideAndKeep(ctx context.Context, in WriteInput) (Written, error) {
	full, made, err := a.decide(ctx, in)
	if err != nil {
		return Written{}, err
	}
	written, err := a.keep(ctx, in.Run, full)
	if made.Problem != "" {
		written.Problems = append([]string{made.Problem}, written.Problems...)
	}
	return written, err
}

// keys are the names of a run's report in the stores.
type keys struct{ markdown, html, json string }

func keysOf(run record.Run) keys {
	folder := run.Folder() + "report/"
	return keys{markdown: folder + "report.md", html: folder + "report.html", json: folder + "report.json"}
}

// keep stores the report. Its JSON comes first: that decides what it says.
func (a *Activities) keep(ctx context.Context, run record.Run, full report.Input) (Written, error) {
	page, err := report.HTML(full)
	if err != nil {
		return Written{}, err
	}
	document, err := report.JSON(full)
	if err != nil {
		return Written{}, err
	}
	at := keysOf(run)
	written := Written{Markdown: at.markdown, HTML: at.html, JSON: at.json, Digests: map[string]store.Digest{}}
	until := full.GeneratedAt.Add(lock)
	for _, object := range []struct {
		key  string
		body []byte
	}{{at.json, document}, {at.markdown, report.Markdown(full)}, {at.html, page}} {
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
