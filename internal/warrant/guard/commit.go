package guard

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/warrant"
)

const maxCommitBytes = 64 << 10

// Commit is what a host keeps of a cut-over that is to stay.
type Commit struct {
	Run      string    `json:"run"`      // workflow ID and first run ID
	Replaced string    `json:"replaced"` // the cluster that people signed for, which is not to serve again
	Kept     string    `json:"kept"`     // the cluster that serves instead
	At       time.Time `json:"at"`       // when this host was told, by its own clock
}

// Commit writes down, for good, that the cut-over of the run in need was committed:
// from then on nothing of that run is admitted here. It is asked of the warrant who
// decided so, and not whose the lease is: what is written down only forbids.
//
// check is called under the lock, and refuses where this host has something else than
// what is to be kept. Twice, the first record stays as it is; a process that dies in
// between has written nothing, or all of it.
//
// Errors are those of warrant.Verify and of check; failure.Unavailable while something
// else is at work on the service.
func (g Guard) Commit(ctx context.Context, w *warrant.Warrant, need warrant.Need, c Commit, check func() error) (Commit, error) {
	need.Commit = true
	unlock, err := g.lock(ctx, need.Service)
	if err != nil {
		return Commit{}, err
	}
	defer unlock()
	known, found, err := g.commitOf(need)
	if err != nil || found {
		return known, err
	}
	if _, err := warrant.Verify(w, g.Plan, need, time.Now()); err != nil {
		return Commit{}, err
	}
	if err := check(); err != nil {
		return Commit{}, err
	}
	c.Run, c.At = need.Run, time.Now().UTC()
	text, err := json.Marshal(c)
	if err != nil {
		return Commit{}, failure.Wrap(failure.Internal, err, "encode the commit of run %q", c.Run)
	}
	if err := g.owner().WriteFile(g.commitPath(need), append(text, '\n'), 0o600); err != nil {
		return Commit{}, err
	}
	return c, pg.SyncDir(g.Dir) // the folder may be new
}

// requireOpen refuses a run whose cut-over was committed on this host, whoever asks.
func (g Guard) requireOpen(need warrant.Need) error {
	c, found, err := g.commitOf(need)
	if err != nil || !found {
		return err
	}
	return failure.New(failure.Unsafe, "the cut-over of run %q was committed, as this host was told at %s: nothing of it is done or undone any more", c.Run, c.At.Format(time.RFC3339)).
		WithHint("to recover again: starter run; what was replaced (%s) is kept beside, see starter report; if a commit was recorded that nobody meant, remove %s, then: starter undo on this host", c.Replaced, g.commitPath(need))
}

// commitOf returns what this host knows of the commit of a run. A record that cannot be
// read is an error: a host that forgets would undo what was kept.
func (g Guard) commitOf(need warrant.Need) (c Commit, found bool, err error) {
	path := g.commitPath(need)
	text, err := pg.ReadSmall(path, maxCommitBytes)
	if failure.Is(err, failure.NotFound) {
		return Commit{}, false, nil
	}
	if err != nil {
		return Commit{}, false, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return Commit{}, false, failure.Wrap(failure.Corrupt, err, "read %s, which says that a cut-over was committed", path)
	}
	if c.Run != need.Run {
		return Commit{}, false, failure.New(failure.Corrupt, "%s is about run %q, not %q", path, c.Run, need.Run)
	}
	return c, true, nil
}

// commitPath is named by the run's hash: a workflow ID may be longer than a file name.
func (g Guard) commitPath(need warrant.Need) string {
	sum := sha256.Sum256([]byte(need.Run))
	return g.path(need.Service, ".commit-"+hex.EncodeToString(sum[:16])+".json")
}
