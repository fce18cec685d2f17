package postgres

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/activities/pulse"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
	"github.com/terragonlabs/holdfast/internal/walship"
)

const (
	ephemeralFile  = "release.key"
	wantedFile     = "release.wal" // JSON: keys of the WAL objects asked for
	maxSealedBytes = 64 << 20
)

// RequestKeys makes a key for this run alone, keeps its private half in the
// workspace, and puts into the stores what the key holder is asked for: the key
// headers of the wanted set and of the WAL that leads to the target. Run twice it
// uses the same key and finds its own request.
func (a *Activities) RequestKeys(ctx context.Context, in KeysInput) (KeyRequest, error) {
	defer pulse.Start(ctx).Stop()
	request, err := a.requestKeys(ctx, in)
	return request, boundary.Out(err)
}

func (a *Activities) requestKeys(ctx context.Context, in KeysInput) (KeyRequest, error) {
	located, err := a.locate(ctx, in.Where, in.Choice)
	if err != nil {
		return KeyRequest{}, err
	}
	t, err := a.resolve(in.Where)
	if err != nil {
		return KeyRequest{}, err
	}
	set, _, err := archive.Load(ctx, a.Stores, t.database.Name, archive.SetID(in.Choice.Set.ID), a.Trust)
	if err != nil {
		return KeyRequest{}, err
	}
	items := archive.KeyItems(set.Descriptor)
	log, err := walship.KeyRequests(ctx, a.walOf(t, in.Choice), located)
	if err != nil {
		return KeyRequest{}, err
	}
	own, err := t.ephemeral(true)
	if err != nil {
		return KeyRequest{}, err
	}
	if err := t.want(located); err != nil {
		return KeyRequest{}, err
	}
	text, err := json.Marshal(own.Request(append(items, log...)))
	if err != nil {
		return KeyRequest{}, failure.Wrap(failure.Internal, err, "encode the key request")
	}
	digest := store.DigestOf(text)
	key := runFolder(in.Run) + "keys/request-" + digest.String()[:16] + ".json"
	_, err = replicate.Put(ctx, a.Stores, key, text, time.Time{})
	return KeyRequest{Object: key, SHA256: digest.String(), Sets: 1 + len(set.Descriptor.References), Objects: len(located)}, err
}

// runFolder is where the run's records lie in the stores.
func runFolder(run string) string {
	i := strings.LastIndex(run, "/")
	return evidence.Run{WorkflowID: run[:max(i, 0)], FirstRunID: run[i+1:]}.Folder()
}

// ephemeral reads the run's own key, or makes it the first time.
func (t target) ephemeral(create bool) (*keyring.Ephemeral, error) {
	path := filepath.Join(t.workspace.Dir, ephemeralFile)
	raw, err := os.ReadFile(path) // #nosec G304 -- below the plan's workspace
	if err == nil {
		return keyring.ParseEphemeral(raw)
	}
	if !os.IsNotExist(err) || !create {
		return nil, failure.New(failure.NotFound, "the key of run %s is not in its workspace: %s", t.run, err).
			WithHint("starter resolve --abort, then start the run again: the key holder must release to a new key")
	}
	made, err := keyring.NewEphemeral()
	if err != nil {
		return nil, err
	}
	owner, err := pg.OwnerOf(t.host.DataDir)
	if err != nil {
		return nil, err
	}
	return made, owner.WriteFile(path, made.Marshal(), 0o600)
}

// forgetKey removes the run's own key: from the cut-over on, and on the way back,
// nothing more is read from the stores for this run. Twice is harmless.
func (t target) forgetKey() error {
	err := os.Remove(filepath.Join(t.workspace.Dir, ephemeralFile))
	if os.IsNotExist(err) {
		return nil
	}
	return pg.ClassifyFile(err, "remove the run's own key")
}

// want notes in the workspace which WAL objects the run asks keys for. The
// archive goes on growing meanwhile, the tail's pieces above all: what comes
// later is no part of what was approved, and no key opens it.
func (t target) want(located []walship.Located) error {
	wanted := make(map[string]bool, len(located))
	for _, object := range located {
		wanted[object.Key] = true
	}
	text, err := json.Marshal(wanted)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the list of WAL objects")
	}
	owner, err := pg.OwnerOf(t.host.DataDir)
	if err != nil {
		return err
	}
	return owner.WriteFile(filepath.Join(t.workspace.Dir, wantedFile), text, 0o600)
}

// wanted reads what want noted.
func (t target) wanted() (map[string]bool, error) {
	text, err := pg.ReadSmall(filepath.Join(t.workspace.Dir, wantedFile), maxSealedBytes)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{}
	return wanted, failure.Wrap(failure.Corrupt, json.Unmarshal(text, &wanted), "read the list of WAL objects")
}

// unseal opens the session keys the key holder released to this run.
func (a *Activities) unseal(ctx context.Context, t target, sealed Sealed) (keyring.KeySource, error) {
	want, err := store.ParseDigest(sealed.SHA256)
	if err != nil || want.IsZero() {
		return nil, failure.Invalid("released", "names no object with its SHA-256")
	}
	own, err := t.ephemeral(false)
	if err != nil {
		return nil, err
	}
	answer, err := replicate.Get(ctx, a.Stores, sealed.Object, want, maxSealedBytes)
	if err != nil {
		return nil, err
	}
	return own.Open(answer)
}
