package keys_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
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
	"github.com/terragonlabs/holdfast/internal/warrant/warranttest"
)

const (
	database  = "bookings"
	walPrefix = "v1/bookings/wal/7711166801199624188/"
)

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
	story  warranttest.Story     // what people signed in the run that asks

	recipients keyring.Recipients
	signer     keyring.Signer
	trusted    keyring.PublicKey
	private    keyring.KeySource
}

func (h *house) trust() keyring.Trust { return keyring.TrustAlways(h.trusted) }

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t}
	var err error
	h.plan = thePlan(t)
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
	h.other, h.wanted = h.backUp(database, recipients, signer), h.backUp(database, recipients, signer)
	for _, name := range []string{"00000001/000000010000000000000001", "00000001/000000010000000000000002"} {
		h.log = append(h.log, h.archive(walPrefix+name, recipients))
	}
	h.recipients, h.signer, h.trusted = recipients, signer, made[2].Public()
	h.private = keyring.NewPrivate(made[0])
	h.holder = keys.New(h.plan, h.stores, h.trust(), h.private)
	h.host, err = keyring.NewEphemeral()
	require.NoError(t, err)
	h.story = h.signed(h.lease("x/run-1"))
	return h
}

func (h *house) backUp(source string, recipients keyring.Recipients, signer keyring.Signer) *archive.Descriptor {
	h.t.Helper()
	w, err := archive.NewWriter(h.t.Context(), archive.Config{
		Source: source, Kind: archive.Full, Stores: h.stores, StateDir: h.t.TempDir(), Recipients: recipients,
		Signer: signer, SliceBytes: 64 << 10, PartBytes: 512 << 10,
	})
	require.NoError(h.t, err)
	require.NoError(h.t, w.AddBytes(h.t.Context(), "backup_label", []byte("START WAL LOCATION: 0/2000028\n")))
	d, _, err := w.Commit(h.t.Context(), archive.Attributes{Postgres: &archive.Postgres{SystemID: 7711166801199624188}})
	require.NoError(h.t, err)
	require.NoError(h.t, w.Close())
	return d
}

// archive seals a WAL object; it is as short as a tail's first piece may be.
func (h *house) archive(key string, recipients keyring.Recipients) keyring.ReleaseItem {
	h.t.Helper()
	sealed, err := seal.Seal([]byte("a record of "+key), key, recipients, keyring.CFB)
	require.NoError(h.t, err)
	return h.put(key, sealed)
}

// put stores an object and returns the question about it.
func (h *house) put(key string, sealed []byte) keyring.ReleaseItem {
	h.t.Helper()
	_, err := replicate.Put(h.t.Context(), h.stores, key, sealed, time.Time{})
	require.NoError(h.t, err)
	header, err := seal.Header(sealed)
	require.NoError(h.t, err)
	return keyring.ReleaseItem{Object: key, Set: key, PKESK: header}
}

// bytesOf reads an object as anybody who may read the stores can.
func (h *house) bytesOf(key string) []byte {
	h.t.Helper()
	content, err := replicate.Get(h.t.Context(), h.stores, key, store.Digest{}, 1<<20)
	require.NoError(h.t, err)
	return content
}

// forge signs, as a host may that signs for several sources, a set of this
// database whose descriptor names another database's key header.
func (h *house) forge(ledger *archive.Descriptor) archive.SetID {
	h.t.Helper()
	forged := *h.wanted
	forged.Set = "20261123T001122Z-f-0a1b2c3d"
	own := func(object archive.Object) archive.Object {
		object.Key = strings.Replace(object.Key, string(h.wanted.Set), string(forged.Set), 1)
		object.Set, object.KeyID = forged.Set, ledger.Keys[0].ID
		h.put(object.Key, h.bytesOf(ledger.Manifest.Key))
		return object
	}
	forged.Keys = []archive.KeyHeader{{ID: ledger.Keys[0].ID, Set: forged.Set, PKESK: ledger.Keys[0].PKESK}}
	forged.Manifest, forged.Parts, forged.References = own(h.wanted.Manifest), nil, nil
	body, err := json.MarshalIndent(forged, "", " ")
	require.NoError(h.t, err)
	document, err := h.signer.Clearsigned(append(body, '\n'))
	require.NoError(h.t, err)
	_, err = replicate.Put(h.t.Context(), h.stores, archive.DescriptorKey(database, forged.Set), document, time.Time{})
	require.NoError(h.t, err)
	_, _, err = archive.Load(h.t.Context(), h.stores, database, forged.Set, keyring.TrustAlways(h.trusted))
	require.NoError(h.t, err, "the forged descriptor is believed as far as it goes")
	return forged.Set
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
		Damaged: damaged, Warrant: h.warrant(h.story),
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

// TestAnotherDatabasesKeyIsNotReleased: a host that may write below its own
// database's prefix copies another database's key headers there. What they open
// says whose it is, or is no message at all.
func TestAnotherDatabasesKeyIsNotReleased(t *testing.T) {
	t.Parallel()
	const ledgerKey = "v1/ledger/wal/7711166801199624199/00000001/000000010000000000000001"
	const planted = walPrefix + "00000001/000000010000000000000003"
	for name, plant := range map[string]func(h *house, theirs keyring.ReleaseItem) keyring.ReleaseItem{
		"their object, whole": func(h *house, theirs keyring.ReleaseItem) keyring.ReleaseItem {
			return h.put(planted, h.bytesOf(theirs.Object))
		},
		"their header before our content": func(h *house, theirs keyring.ReleaseItem) keyring.ReleaseItem {
			ours := h.bytesOf(h.log[0].Object)
			return h.put(planted, append(bytes.Clone(theirs.PKESK), ours[len(h.log[0].PKESK):]...))
		},
		"their header beside ours": func(h *house, theirs keyring.ReleaseItem) keyring.ReleaseItem {
			return h.put(planted, append(bytes.Clone(theirs.PKESK), h.bytesOf(h.log[0].Object)...))
		},
		"the header of their set": func(h *house, _ keyring.ReleaseItem) keyring.ReleaseItem {
			ledger := h.backUp("ledger", h.recipients, h.signer)
			return h.put(planted, h.bytesOf(ledger.Parts[0].Key))
		},
		"their cluster's name": func(h *house, theirs keyring.ReleaseItem) keyring.ReleaseItem {
			return h.put("v1/bookings"+strings.TrimPrefix(theirs.Object, "v1/ledger"), h.bytesOf(theirs.Object))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			item := plant(h, h.archive(ledgerKey, h.recipients))
			_, err := h.holder.Release(t.Context(), h.ask(item))
			require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)), "%v", err)
		})
	}
	t.Run("in a descriptor that a trusted host signed", func(t *testing.T) {
		t.Parallel()
		h := newHouse(t)
		set := h.forge(h.backUp("ledger", h.recipients, h.signer))
		forged, _, err := archive.Load(t.Context(), h.stores, database, set, keyring.TrustAlways(h.trusted))
		require.NoError(t, err)
		in := h.ask(archive.KeyItems(forged.Descriptor)...)
		in.Set = string(set)
		_, err = h.holder.Release(t.Context(), in)
		require.Equal(t, failure.Refused, failure.ClassOf(boundary.In(err)), "%v", err)
	})
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

// TestOneStoreRefusesNobodyItsKeys: who can write to one store puts headers there that
// prove nothing, beside true ones. What is true is released all the same, and nothing else.
func TestOneStoreRefusesNobodyItsKeys(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(h *house) keyring.ReleaseItem{
		"noise for a piece": func(h *house) keyring.ReleaseItem {
			item := h.put(walPrefix+"00000001/tail/000000010000000000000003-x", h.bytesOf(h.log[0].Object))
			item.PKESK = []byte("noise")
			return item
		},
		"another object's header at a piece": func(h *house) keyring.ReleaseItem {
			return h.put(walPrefix+"00000001/tail/000000010000000000000003-x", h.bytesOf(h.log[0].Object))
		},
		"another set's header at a piece": func(h *house) keyring.ReleaseItem {
			item := archive.KeyItems(h.other)[0]
			item.Object, item.Set = walPrefix+"00000001/tail/000000010000000000000003-x", "x"
			return item
		},
		"a second header of a segment": func(h *house) keyring.ReleaseItem {
			item := h.log[0]
			item.PKESK = archive.KeyItems(h.other)[0].PKESK
			return item
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			item := plant(h)
			released, err := h.holder.Release(t.Context(), h.ask(append([]keyring.ReleaseItem{item}, h.all()...)...))
			require.NoError(t, err)
			require.Equal(t, len(h.all()), released.Keys)
			require.Equal(t, 1, released.Unproved)
			opened, err := h.host.Open(h.bytesOf(released.Object))
			require.NoError(t, err)
			for _, one := range h.all() {
				_, err = opened.SessionKey(t.Context(), one.Set, one.PKESK)
				require.NoError(t, err)
			}
			if name != "another object's header at a piece" { // that key was asked for where it is true, too
				_, err = opened.SessionKey(t.Context(), item.Set, item.PKESK)
				require.Equal(t, failure.Forbidden, failure.ClassOf(err), "%v", err)
			}
		})
	}
}

// TestBothSealingsOfASegment: two stores that hold it under two headers, each released.
func TestBothSealingsOfASegment(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	const key = walPrefix + "00000001/000000010000000000000003"
	items := h.all()
	for _, one := range h.stores {
		sealed, err := seal.Seal([]byte("the same"), key, h.recipients, keyring.CFB)
		require.NoError(t, err)
		_, err = one.Put(t.Context(), key, bytes.NewReader(sealed), store.Describe(sealed))
		require.NoError(t, err)
		header, err := seal.Header(sealed)
		require.NoError(t, err)
		items = append(items, keyring.ReleaseItem{Object: key, Set: key, PKESK: header})
	}
	released, err := h.holder.Release(t.Context(), h.ask(items...))
	require.NoError(t, err)
	require.Equal(t, len(items), released.Keys)
	require.Zero(t, released.Unproved)
}
