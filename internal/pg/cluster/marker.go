package cluster

import (
	"crypto/rand"
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// MarkerFile is the marker's name in the data directory. PostgreSQL ignores it.
const MarkerFile = "holdfast.incarnation"

const maxMarkerBytes = 4096

// Marker tells apart clusters that share a system identifier.
type Marker struct {
	Incarnation string    `json:"incarnation"`          // random, never reused
	OriginRun   string    `json:"origin_run,omitempty"` // the run that made this directory; "" for an enrolled one
	CreatedAt   time.Time `json:"created_at"`
}

// NewMarker returns a marker with a fresh incarnation.
func NewMarker(originRun string) Marker {
	return Marker{Incarnation: rand.Text(), OriginRun: originRun, CreatedAt: time.Now().UTC()}
}

// ReadMarker returns the marker of dataDir and whether there is one.
func ReadMarker(dataDir string) (Marker, bool, error) {
	path := filepath.Join(dataDir, MarkerFile)
	content, err := pg.ReadSmall(path, maxMarkerBytes)
	if failure.Is(err, failure.NotFound) {
		return Marker{}, false, nil
	}
	if err != nil {
		return Marker{}, false, err
	}
	var marker Marker
	if err := json.Unmarshal(content, &marker); err != nil || marker.Incarnation == "" {
		return Marker{}, false, failure.New(failure.Corrupt, "%s is not an incarnation marker", path)
	}
	return marker, true, nil
}

// WriteMarker writes marker into dataDir. The same marker twice changes
// nothing; another marker in its place is refused with Exists unless replace.
func WriteMarker(owner pg.Owner, dataDir string, marker Marker, replace bool) error {
	found, exists, err := ReadMarker(dataDir)
	if err != nil {
		return err
	}
	if exists && found.Incarnation == marker.Incarnation {
		return nil
	}
	if exists && !replace {
		return failure.New(failure.Exists, "%s already is incarnation %s", dataDir, found.Incarnation)
	}
	content, err := json.MarshalIndent(marker, "", "  ")
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode marker")
	}
	return owner.WriteFile(filepath.Join(dataDir, MarkerFile), append(content, '\n'), 0o600)
}

// Enroll returns the cluster's marker, writing a fresh one the first time.
// Killed half-way, either no marker or a whole one is there.
func (c *Cluster) Enroll() (Marker, error) {
	found, exists, err := ReadMarker(c.DataDir)
	if err != nil || exists {
		return found, err
	}
	marker := NewMarker("")
	return marker, WriteMarker(c.Programs.Owner, c.DataDir, marker, false)
}
