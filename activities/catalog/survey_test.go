package catalog_test

import (
	"bytes"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/catalog"
	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
)

const (
	database = "bookings"
	system   = wal.SystemID(7001)
)

// shelves are two stores, and a host that backs up into them.
type shelves struct {
	t          *testing.T
	stores     []store.Store
	closes     []func() error
	recipients keyring.Recipients
	host       keyring.PrivateKey
}

func newShelves(t *testing.T) *shelves {
	t.Helper()
	s := &shelves{t: t}
	for _, name := range []string{"one", "two"} {
		opened, err := file.Open(file.Config{Name: name, Dir: t.TempDir()})
		require.NoError(t, err)
		t.Cleanup(func() { _ = opened.Close() }) // some tests close it before
		s.stores, s.closes = append(s.stores, opened), append(s.closes, opened.Close)
	}
	var made [3]keyring.PrivateKey
	var err error
	for i := range made {
		made[i], err = keyring.Generate("test", "test@example.org")
		require.NoError(t, err)
	}
	s.recipients, err = keyring.NewRecipients(made[0].Public(), made[1].Public())
	require.NoError(t, err)
	s.host = made[2]
	return s
}

// backUp makes a set; postgres is what it says of its cluster, nil nothing.
func (s *shelves) backUp(by keyring.PrivateKey, postgres *archive.Postgres) archive.SetID {
	s.t.Helper()
	signer, err := keyring.NewSigner(by)
	require.NoError(s.t, err)
	w, err := archive.NewWriter(s.t.Context(), archive.Config{
		Source: database, Kind: archive.Full, Stores: s.stores, StateDir: s.t.TempDir(), Recipients: s.recipients,
		Signer: signer, SliceBytes: 64 << 10, PartBytes: 512 << 10,
	})
	require.NoError(s.t, err)
	require.NoError(s.t, w.AddBytes(s.t.Context(), "backup_label", []byte("START WAL LOCATION: 0/2000028\n")))
	d, _, err := w.Commit(s.t.Context(), archive.Attributes{Postgres: postgres})
	require.NoError(s.t, err)
	require.NoError(s.t, w.Close())
	return d.Set
}

func cluster() *archive.Postgres {
	at := time.Now().UTC().Add(-time.Hour)
	return &archive.Postgres{
		SystemID: system, Timeline: 1, StartLSN: 0x2000028, StopLSN: 0x2000100, StartTime: at, StopTime: at.Add(time.Minute),
		SegmentSize: wal.DefaultSegmentSize, VersionNum: 150000,
	}
}

func (s *shelves) take() (catalog.Survey, error) {
	return catalog.Take(s.t.Context(), catalog.Shelves{Stores: s.stores, Trust: keyring.TrustAlways(s.host.Public()), Source: database}, system)
}

func TestSurveySeesTrustedClustersOnly(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	set := s.backUp(s.host, cluster())
	s.backUp(s.host, nil) // files of something else
	stranger, err := keyring.Generate("stranger", "s@example.org")
	require.NoError(t, err)
	forged := s.backUp(stranger, cluster())
	survey, err := s.take()
	require.NoError(t, err)
	require.Len(t, survey.Sets, 1, "a set nobody trusted signed is not there (L17)")
	require.Equal(t, string(set), survey.Sets[0].ID)
	require.Equal(t, []string{"one", "two"}, survey.Sets[0].Stores)
	require.Equal(t, recovery.VerifiedNone, survey.Sets[0].Verified, "nothing was proved about it")
	require.NotEmpty(t, survey.Anomalies)
	require.Contains(t, survey.Anomalies[0], string(forged))
}

// TestL29SilentStoreIsNamed is L29: what a store that does not answer holds is
// unknown, and said to be.
func TestL29SilentStoreIsNamed(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	s.backUp(s.host, cluster())
	require.NoError(t, s.closes[1]())
	survey, err := s.take()
	require.NoError(t, err)
	require.Len(t, survey.Sets, 1)
	require.Len(t, survey.Unanswered, 1, "once, though its sets and its WAL were asked for")
	require.Equal(t, "two", survey.Unanswered[0].Store)
	require.NotEmpty(t, survey.Unanswered[0].Why)
	require.NoError(t, s.closes[0]())
	_, err = s.take()
	require.Error(t, err, "no store at all is not an empty catalog")
}

// TestUnreadableHeartbeatIsNamed: the rest of the survey is what it was.
func TestUnreadableHeartbeatIsNamed(t *testing.T) {
	t.Parallel()
	s := newShelves(t)
	s.backUp(s.host, cluster())
	const key = "v1/" + database + "/heartbeat/7001/FIRST/junk.json"
	body := []byte("{")
	_, err := s.stores[1].Put(t.Context(), key, bytes.NewReader(body), store.Describe(body))
	require.NoError(t, err)
	survey, err := s.take()
	require.NoError(t, err)
	require.Len(t, survey.Sets, 1)
	require.Len(t, survey.Anomalies, 1)
	require.Contains(t, survey.Anomalies[0], "heartbeats: damaged in store two: "+key)
}

func TestProposeRefused(t *testing.T) {
	t.Parallel()
	p, _, err := plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	empty, full := newShelves(t), newShelves(t)
	full.backUp(full.host, cluster())
	latest := &recovery.Target{Kind: recovery.TargetLatest, Inclusive: true}
	good := catalog.ProposeInput{PlanHash: p.Hash(), Database: database, SystemID: system, Target: latest, Disrupted: time.Now()}
	for name, row := range map[string]struct {
		in    *shelves
		spoil func(in *catalog.ProposeInput)
		class []failure.Class
	}{
		"another plan":     {full, func(in *catalog.ProposeInput) { in.PlanHash = "" }, []failure.Class{failure.IdentityMismatch}},
		"unknown database": {full, func(in *catalog.ProposeInput) { in.Database = "tides" }, []failure.Class{failure.NotFound}},
		"no set":           {empty, func(*catalog.ProposeInput) {}, []failure.Class{failure.TargetUnreachable}},
		"another system":   {full, func(in *catalog.ProposeInput) { in.SystemID = 7002 }, []failure.Class{failure.TargetUnreachable, failure.IdentityMismatch}},
		"no WAL (L4)":      {full, func(*catalog.ProposeInput) {}, []failure.Class{failure.TargetUnreachable, failure.WALGap}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := good
			row.spoil(&in)
			_, err := catalog.New(p, row.in.stores, keyring.TrustAlways(row.in.host.Public())).Propose(t.Context(), in)
			err = boundary.In(err)
			require.Contains(t, row.class, failure.ClassOf(err), "%v", err)
			require.NotEmpty(t, failure.HintOf(err))
		})
	}
}
