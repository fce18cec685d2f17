package keys_test

import (
	"encoding/json"
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/keys"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/archive/seal"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/store/replicate"
)

const database = "bookings"

// house is a plan, two stores with two sets and two WAL objects, and a key holder.
type house struct {
	t      *testing.T
	plan   *plan.Plan
	stores []store.Store
	holder *keys.Activities
	host   *keyring.Ephemeral
	wanted *archive.Descriptor // the set that was approved
	other  *archive.Descriptor
	log    []keyring.ReleaseItem // with their true headers
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	var err error
	h.plan, _, err = plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	for _, name := range []string{"one", "two"} {
		s, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		h.stores = append(h.stores, s)
	}
	var made [3]keyring.PrivateKey
	for i := range made {
		made[i], err = keyring.Generate("test", "test@example.org")
		require.NoError(t, err)
	}
	recipients, err := keyring.NewRecipients(made[0].Public(), made[1].Public())
	require.NoError(t, err)
	signer, err := keyring.NewSigner(made[2])
	require.NoError(t, err)
	h.other, h.wanted = h.backUp(recipients, signer), h.backUp(recipients, signer)
	for _, name := range []string{"a", "b"} {
		h.archive("v1/"+database+"/wal/"+name, recipients)
	}
	h.holder = keys.New(h.plan, h.stores, keyring.TrustAlways(made[2].Public()), keyring.NewPrivate(made[0]))
	h.host, err = keyring.NewEphemeral()
	require.NoError(t, err)
	return h
}

func (h *house) backUp(recipients keyring.Recipients, signer keyring.Signer) *archive.Descriptor {
	h.t.Helper()
	w, err := archive.NewWriter(h.t.Context(), archive.Config{
		Source: database, Kind: archive.Full, Stores: h.stores, StateDir: h.t.TempDir(), Recipients: recipients,
		Signer: signer, SliceBytes: 64 << 10, PartBytes: 512 << 10,
	})
	require.NoError(h.t, err)
	require.NoError(h.t, w.AddBytes(h.t.Context(), "backup_label", []byte("START WAL LOCATION: 0/2000028\n")))
	d, _, err := w.Commit(h.t.Context(), archive.Attributes{})
	require.NoError(h.t, err)
	require.NoError(h.t, w.Close())
	return d
}

// archive seals a WAL object; it is as short as a tail's first piece may be.
func (h *house) archive(key string, recipients keyring.Recipients) {
	h.t.Helper()
	sealed, err := seal.Seal([]byte("a record of "+key), recipients, keyring.CFB)
	require.NoError(h.t, err)
	_, err = replicate.Put(h.t.Context(), h.stores, key, sealed, time.Time{})
	require.NoError(h.t, err)
	header, err := seal.Header(sealed)
	require.NoError(h.t, err)
	h.log = append(h.log, keyring.ReleaseItem{Object: key, Set: key, PKESK: header})
}

// ask puts a request into the stores and returns the question about it.
func (h *house) ask(items ...keyring.ReleaseItem) keys.ReleaseInput {
	h.t.Helper()
	text, err := json.Marshal(h.host.Request(items))
	require.NoError(h.t, err)
	key := "v1/runs/x/run-1/request.json"
	copies, err := replicate.Put(h.t.Context(), h.stores, key, text, time.Time{})
	require.NoError(h.t, err)
	return keys.ReleaseInput{
		PlanHash: h.plan.Hash(), Database: database, Run: "x/run-1", Request: key, SHA256: copies.SHA256.String(), Set: string(h.wanted.Set),
	}
}

func (h *house) all() []keyring.ReleaseItem { return append(archive.KeyItems(h.wanted), h.log...) }

func TestReleaseOpensForTheHostOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	in := h.ask(h.all()...)
	for range 2 { // twice is harmless
		released, err := h.holder.Release(t.Context(), in)
		require.NoError(t, err)
		require.Equal(t, len(h.all()), released.Keys)
		require.Equal(t, []string{string(h.wanted.Set)}, released.Sets)
		body, _, err := h.stores[1].Get(t.Context(), released.Object, store.GetOptions{})
		require.NoError(t, err)
		sealed, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		require.Equal(t, released.SHA256, store.DigestOf(sealed).String())
		_, err = h.host.Open(sealed)
		require.NoError(t, err)
		stranger, err := keyring.NewEphemeral()
		require.NoError(t, err)
		_, err = stranger.Open(sealed)
		require.Error(t, err, "sealed to the run's key alone")
	}
}

// TestLyingHostGainsNothing: whatever a host writes into its request.
func TestLyingHostGainsNothing(t *testing.T) {
	t.Parallel()
	for name, lie := range map[string]func(h *house) []keyring.ReleaseItem{
		"another set": func(h *house) []keyring.ReleaseItem { return archive.KeyItems(h.other) },
		"another set by the wanted one's name": func(h *house) []keyring.ReleaseItem {
			items := archive.KeyItems(h.other)
			for i := range items {
				items[i].Set = string(h.wanted.Set)
			}
			return items
		},
		"another set's header at a WAL object": func(h *house) []keyring.ReleaseItem {
			item := h.log[0]
			item.PKESK = archive.KeyItems(h.other)[0].PKESK
			return []keyring.ReleaseItem{item}
		},
		"another WAL object's header": func(h *house) []keyring.ReleaseItem {
			item := h.log[0]
			item.PKESK = h.log[1].PKESK
			return []keyring.ReleaseItem{item}
		},
		"one lie among the true": func(h *house) []keyring.ReleaseItem {
			return append(h.all(), archive.KeyItems(h.other)[0])
		},
		"WAL of another database": func(h *house) []keyring.ReleaseItem {
			item := h.log[0]
			item.Object = "v1/ledger/wal/a"
			return []keyring.ReleaseItem{item}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			_, err := h.holder.Release(t.Context(), h.ask(lie(h)...))
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)), "%v", err)
		})
	}
}

func TestReleaseRefused(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spoil func(h *house, in *keys.ReleaseInput)
		class []failure.Class
	}{
		"another plan":   {func(_ *house, in *keys.ReleaseInput) { in.PlanHash = "" }, []failure.Class{failure.IdentityMismatch}},
		"no hash":        {func(_ *house, in *keys.ReleaseInput) { in.SHA256 = "" }, []failure.Class{failure.InvalidInput}},
		"altered":        {func(_ *house, in *keys.ReleaseInput) { in.SHA256 = store.DigestOf([]byte("x")).String() }, []failure.Class{failure.Corrupt}},
		"elsewhere":      {func(_ *house, in *keys.ReleaseInput) { in.Request = "v1/bookings/sets/x" }, []failure.Class{failure.InvalidInput}},
		"absent":         {func(_ *house, in *keys.ReleaseInput) { in.Request = "v1/runs/y/request.json" }, []failure.Class{failure.NotFound}},
		"unknown set":    {func(_ *house, in *keys.ReleaseInput) { in.Set = "20260101T000000Z-full-0000000000000000" }, []failure.Class{failure.NotFound, failure.InvalidInput}},
		"other database": {func(_ *house, in *keys.ReleaseInput) { in.Database = "ledger" }, []failure.Class{failure.NotFound, failure.IdentityMismatch, failure.Refused}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			in := h.ask(h.all()...)
			row.spoil(h, &in)
			_, err := h.holder.Release(t.Context(), in)
			require.Contains(t, row.class, failure.ClassOf(boundary.In(err)), "%v", err)
		})
	}
}
