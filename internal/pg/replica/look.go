package replica

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/swap/place"
)

const (
	// noteFile is written last into a finished copy.
	noteFile      = "holdfast.replica"
	standbySignal = "standby.signal"
	autoConf      = "postgresql.auto.conf"
	maxSmallBytes = 16 << 20
)

// note says which run made a replica, for which slot. One that came along in a
// copy of a primary that once was a replica names another run, or another place.
type note struct {
	Run     string `json:"run"`
	Slot    string `json:"slot"`
	DataDir string `json:"data_dir"`
}

func (c Config) note() note { return note{Run: c.Run, Slot: c.Slot, DataDir: c.dataDir()} }

// look reads what is on disk. It changes nothing.
func (r *rebuild) look() (State, error) {
	state := State{Goal: r.goal, Replaced: Nothing}
	var err error
	if state.Data, err = r.kindOf(r.config.dataDir()); err != nil {
		return state, err
	}
	if state.Building, err = r.building(); err != nil {
		return state, err
	}
	if state.Undone, err = place.Exists(r.config.undoneFile()); err != nil {
		return state, err
	}
	moved, err := place.Exists(r.config.oldDir())
	if moved {
		state.Replaced = Old
	}
	return state, err
}

func (r *rebuild) kindOf(dir string) (Kind, error) {
	there, err := place.Exists(dir)
	if err != nil || !there {
		return Nothing, err
	}
	if err := place.RequireDirectory(dir); err != nil {
		return "", err
	}
	content, err := pg.ReadSmall(filepath.Join(dir, noteFile), 4096)
	if failure.Is(err, failure.NotFound) {
		return Old, nil
	}
	if err != nil {
		return "", err
	}
	var found note
	if err := json.Unmarshal(content, &found); err != nil {
		return "", failure.New(failure.Corrupt, "%s is not a replica's note", filepath.Join(dir, noteFile))
	}
	if found == r.config.note() {
		return New, nil
	}
	return Old, nil
}

// building tells a finished copy from an unfinished one, and refuses a directory
// that this run did not claim before it began.
func (r *rebuild) building() (Kind, error) {
	dir := r.config.buildingDir()
	claimed, err := place.Exists(r.config.claimFile())
	if err != nil {
		return "", err
	}
	kind, err := r.kindOf(dir)
	if err != nil || kind != Old {
		return kind, err
	}
	if !claimed {
		return "", failure.New(failure.Exists, "%s is there, and nothing says that this run made it", dir).
			WithHint("look what it is and move it away; nothing was changed")
	}
	return Partial, nil
}

// requireOldReplica is the guard against the wrong host: what is moved aside is
// a replica of the same system, never a primary.
func (r *rebuild) requireOldReplica(ctx context.Context, dir string) (*cluster.Cluster, error) {
	c, err := r.config.at(dir)
	if err != nil {
		return nil, err
	}
	if _, err := c.Require(ctx, r.anyOf()); err != nil {
		return nil, err
	}
	if _, err := os.Lstat(filepath.Join(dir, standbySignal)); os.IsNotExist(err) {
		return nil, failure.New(failure.Unsafe, "%s is not a replica: it has no %s", dir, standbySignal).
			WithHint("check the host and data directory of the replica in the plan; nothing was changed")
	} else if err != nil {
		return nil, pg.ClassifyFile(err, "look at %s", dir)
	}
	return c, nil
}

// anyOf expects the system; the old replica's incarnation is the damaged
// cluster's, or none.
func (r *rebuild) anyOf() cluster.Expected {
	return cluster.Expected{SystemID: r.config.Primary.SystemID, AnyIncarnation: true}
}
