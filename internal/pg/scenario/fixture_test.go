package scenario_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg/basebackup"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/pgtest"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// house is a primary with a plain cp archive, two directory stores and keys.
type house struct {
	*pgtest.Server
	wal     string
	cluster *cluster.Cluster
	id      cluster.Expected
	archive archive.Config
	keys    keyring.KeySource
	trust   keyring.Trust
}

func newHouse(t *testing.T, opts ...pgtest.Option) *house {
	t.Helper()
	h := &house{wal: pgtest.Dir(t)}
	h.Server = pgtest.Start(t, append(opts, pgtest.ArchiveTo(h.wal))...)
	h.cluster = h.Server.Cluster(t)
	if _, err := h.cluster.Enroll(); err != nil {
		t.Fatal(err)
	}
	identity, err := h.cluster.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.id = cluster.Of(identity)
	h.openArchive(t)
	return h
}

func (h *house) openArchive(t *testing.T) {
	t.Helper()
	keys := make([]keyring.PrivateKey, 3)
	for i := range keys {
		key, err := keyring.Generate("test", "test@example.org")
		if err != nil {
			t.Fatal(err)
		}
		keys[i] = key
	}
	recipients, err := keyring.NewRecipients(keys[0].Public(), keys[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := keyring.NewSigner(keys[2])
	if err != nil {
		t.Fatal(err)
	}
	var stores []store.Store
	for _, name := range []string{"one", "two"} {
		s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		stores = append(stores, s)
	}
	h.keys, h.trust = keyring.NewPrivate(keys[0]), keyring.TrustAlways(keys[2].Public())
	h.archive = archive.Config{
		Source: "database", Kind: archive.Full, Stores: stores, StateDir: t.TempDir(),
		Recipients: recipients, Signer: signer, Trusted: h.trust,
	}
}

// backup takes a base backup; the WAL it needs must be in the cp archive.
func (h *house) backup(t *testing.T) basebackup.Result {
	t.Helper()
	result, err := h.tryBackup(t)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func (h *house) tryBackup(t *testing.T) (basebackup.Result, error) {
	t.Helper()
	return basebackup.Run(t.Context(), basebackup.Config{
		Cluster: h.cluster, Server: h.Super(), Expect: h.id, Archive: h.archive,
		WaitArchived: func(_ context.Context, timeline wal.Timeline, lsn wal.LSN) error {
			h.ship(t)
			name := wal.DefaultSegmentSize.Name(wal.DefaultSegmentSize.SegmentAt(timeline, lsn-1))
			_, err := os.Stat(filepath.Join(h.wal, name))
			return err
		},
	})
}

// ship waits until everything written so far is in the cp archive.
func (h *house) ship(t *testing.T) {
	t.Helper()
	name := h.EndSegment(t)
	pgtest.Eventually(t, name+" in the archive", func() bool {
		_, err := os.Stat(filepath.Join(h.wal, name))
		return err == nil
	})
}

// restoreBeside restores a set into a workspace of its own.
func (h *house) restoreBeside(t *testing.T, set archive.SetID) (*cluster.Cluster, restore.Workspace) {
	t.Helper()
	owner := pgtest.Owner(t)
	w, err := restore.Prepare(owner, filepath.Join(pgtest.Dir(t), "w"), "run-1", 100<<20)
	if err != nil {
		t.Fatal(err)
	}
	config := restore.Config{Owner: owner, Archive: archive.RestoreConfig{
		Stores: h.archive.Stores, Source: h.archive.Source,
		SetID: set, Trusted: h.trust, Keys: h.keys,
	}}
	first, err := restore.Beside(t.Context(), w, config)
	if err != nil {
		t.Fatal(err)
	}
	again, err := restore.Beside(t.Context(), w, config)
	if err != nil || !again.Again || again.Incarnation != first.Incarnation {
		t.Fatalf("restored twice: %+v, %v", again, err)
	}
	return pgtest.Daemon(t, cluster.Config{DataDir: w.DataDir(), BinDir: h.BinDir, SocketDir: w.SocketDir(), Port: pgtest.Port(t)}), w
}

// shipped is where the cp archive ends: the begin of the current segment.
func (h *house) shipped(t *testing.T) wal.LSN {
	t.Helper()
	lsn, err := wal.ParseLSN(pgtest.Query[string](t, h.Server, "SELECT pg_current_wal_lsn()::text"))
	if err != nil {
		t.Fatal(err)
	}
	return lsn &^ wal.LSN(wal.DefaultSegmentSize-1)
}
