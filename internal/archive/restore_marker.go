package archive

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// markerName is the file that says a restore is under way. While it is there the
// target is not whole.
const markerName = ".holdfast-restore.json"

// marker ties a target to one restore, so that only the same one goes on.
type marker struct {
	Set        SetID             `json:"set"`
	Descriptor store.Digest      `json:"descriptor"`
	Target     string            `json:"target"`
	Map        map[string]string `json:"map,omitempty"`
	Done       bool              `json:"done"`
}

func (m marker) same(other marker) bool {
	return m.Set == other.Set && m.Descriptor == other.Descriptor && m.Target == other.Target && maps.Equal(m.Map, other.Map)
}

func (r *restore) markerPath() string {
	return filepath.Join(orDefault(r.cfg.Workspace, r.cfg.Target), markerName)
}

// admit decides whether the target may be written to, and marks it before the
// first write.
func (r *restore) admit() error {
	r.marker = marker{Set: r.set.Descriptor.Set, Descriptor: r.set.Digest, Target: r.cfg.Target, Map: r.cfg.Map}
	found, under, err := readMarker(r.markerPath())
	if err != nil {
		return err
	}
	empty, err := r.target.empty(markerName)
	if err != nil {
		return err
	}
	switch {
	case under && found.same(r.marker):
		r.result.Resumed = true
	case under && !found.Done:
		return failure.New(failure.Refused, "a restore of set %s into %s is not finished", found.Set, found.Target).
			WithHint("finish it, or remove %s and what it wrote", r.markerPath())
	case !empty && !r.cfg.Delta:
		return failure.New(failure.Unsafe, "target %s is not empty", r.cfg.Target).
			WithHint("choose an empty directory, or restore over it with --delta")
	}
	r.fresh = empty
	if err := r.checkSpace(empty); err != nil {
		return err
	}
	return r.writeMarker()
}

func readMarker(name string) (m marker, found bool, err error) {
	content, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return marker{}, false, nil
	}
	if err != nil {
		return marker{}, false, failure.Wrap(classOfFile(err), err, "read marker")
	}
	if err := json.Unmarshal(content, &m); err != nil {
		return marker{}, false, failure.Wrap(failure.Unsafe, err, "read marker %s: it is not this program's, or was cut", name)
	}
	return m, true, nil
}

func (r *restore) writeMarker() error {
	if err := os.MkdirAll(filepath.Dir(r.markerPath()), 0o700); err != nil {
		return failure.Wrap(classOfFile(err), err, "make workspace")
	}
	content, err := json.Marshal(r.marker)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode marker")
	}
	return replaceFile(r.markerPath(), append(content, '\n'))
}

// finishMarker is the last step: only now is the target whole.
func (r *restore) finishMarker() error {
	if r.cfg.Workspace != "" {
		r.marker.Done = true
		return r.writeMarker()
	}
	if err := os.Remove(r.markerPath()); err != nil {
		return failure.Wrap(classOfFile(err), err, "remove marker")
	}
	return syncDir(r.cfg.Target)
}
