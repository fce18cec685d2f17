package restore

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

const workspaceMarker = "holdfast.workspace"

// Workspace is a directory made for one run.
type Workspace struct {
	Dir       string `json:"dir"`
	Run       string `json:"run"`
	FreeBytes int64  `json:"free_bytes"`
	NeedBytes int64  `json:"need_bytes"` // with the margin
	Created   bool   `json:"created"`    // false: it was there from an earlier call of this run
}

// DataDir is the restored cluster's data directory.
func (w Workspace) DataDir() string { return filepath.Join(w.Dir, "data") }

// SocketDir is the private directory of its socket.
func (w Workspace) SocketDir() string { return filepath.Join(w.Dir, "s") }

// TablespaceDir holds its tablespaces, each under its OID.
func (w Workspace) TablespaceDir() string { return filepath.Join(w.Dir, "tablespaces") }

func (w Workspace) stateDir() string   { return filepath.Join(w.Dir, "restore-state") }
func (w Workspace) markerFile() string { return filepath.Join(w.Dir, workspaceMarker) }
func (w Workspace) marked() (bool, error) {
	content, err := pg.ReadSmall(w.markerFile(), 4096)
	if failure.Is(err, failure.NotFound) {
		return false, nil
	}
	return err == nil && strings.TrimSpace(string(content)) == w.Run, err
}

// marginPercent is added to what is needed: WAL replay grows relations.
const marginPercent = 10

// Prepare makes dir for one run, proves its space and marks it. A workspace of
// the same run is used again, and its space is not judged again: what it holds
// is part of what was needed. Errors: Exists for a directory of something else,
// InsufficientSpace.
func Prepare(owner pg.Owner, dir, run string, needBytes int64) (Workspace, error) {
	w := Workspace{Dir: filepath.Clean(dir), Run: run, NeedBytes: needBytes + needBytes*marginPercent/100}
	if !filepath.IsAbs(dir) || run == "" || needBytes < 0 {
		return w, failure.Invalid("workspace", "needs an absolute directory, a run and a size")
	}
	mine, err := w.marked()
	if err != nil {
		return w, err
	}
	if !mine {
		if err := w.create(owner); err != nil {
			return w, err
		}
	}
	if w.FreeBytes, err = pg.FreeBytes(w.Dir); err != nil {
		return w, err
	}
	if !mine && w.FreeBytes < w.NeedBytes {
		err := failure.New(failure.InsufficientSpace, "%s has %d bytes free; %d are needed", w.Dir, w.FreeBytes, w.NeedBytes).
			WithHint("free %d bytes there, or name another workspace in the plan", w.NeedBytes-w.FreeBytes)
		_ = os.Remove(w.Dir) // empty: nothing of it was needed
		return w, err
	}
	if mine {
		return w, nil
	}
	w.Created = true
	return w, owner.WriteFile(w.markerFile(), []byte(run+"\n"), 0o600)
}

func (w Workspace) create(owner pg.Owner) error {
	if err := owner.MkdirAll(w.Dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		return pg.ClassifyFile(err, "look into workspace %s", w.Dir)
	}
	if len(entries) > 0 {
		return failure.New(failure.Exists, "%s is not empty and not the workspace of run %s", w.Dir, w.Run).
			WithHint("name another workspace, or look what is in this one")
	}
	return nil
}

// Remove deletes the workspace of this run. One that is gone, or was never
// there, is no error; one of another run is refused, and so is one in which a
// server may run (alive reports that).
func Remove(w Workspace, alive func() error) error {
	mine, err := w.marked()
	if err != nil {
		return err
	}
	if !mine {
		if _, err := os.Lstat(w.Dir); os.IsNotExist(err) {
			return nil
		}
		return failure.New(failure.Refused, "%s is not the workspace of run %s", w.Dir, w.Run)
	}
	if err := alive(); err != nil {
		return err
	}
	// The marker goes last, so that a killed removal can go on.
	entries, err := os.ReadDir(w.Dir)
	if err != nil {
		return pg.ClassifyFile(err, "remove workspace %s", w.Dir)
	}
	for _, entry := range entries {
		if entry.Name() == workspaceMarker {
			continue
		}
		if err := os.RemoveAll(filepath.Join(w.Dir, entry.Name())); err != nil {
			return pg.ClassifyFile(err, "remove workspace %s", w.Dir)
		}
	}
	return pg.ClassifyFile(os.RemoveAll(w.Dir), "remove workspace %s", w.Dir)
}
