package walship_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/open"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// cloudStores opens an S3 and a GCS bucket on private servers.
func cloudStores(t testing.TB) []store.Store {
	t.Helper()
	s3, err := objectstore.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s3.Stop)
	gcs, err := objectstore.StartGCS(t.Context(), t.TempDir(), objectstore.GCSOptions{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(gcs.Stop)
	for _, err := range []error{s3.CreateBucket(t.Context(), "primary", true), gcs.CreateBucket(t.Context(), "secondary", true)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	for name, secret := range map[string]string{"access": s3.AccessKey, "secret": s3.SecretKey.Reveal()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stores []store.Store
	for _, cfg := range []open.Config{
		{
			Name: "near", Provider: open.S3, Bucket: "primary", Region: s3.Region, Endpoint: s3.Endpoint, PathStyle: true,
			AccessKey: "file:" + filepath.Join(dir, "access"), SecretKey: "file:" + filepath.Join(dir, "secret"),
		},
		{Name: "far", Provider: open.GCS, Bucket: "secondary", Endpoint: gcs.Endpoint, Anonymous: true},
	} {
		opened, err := open.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() }) // all was read back
		stores = append(stores, opened)
	}
	return stores
}

// serveHere runs the daemon inside the test, on stores of the test's choice.
func (h *host) serveHere(t testing.TB, opts walship.Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- walship.Serve(ctx, opts) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	h.until(t, "the daemon answers", func() bool { _, err := h.status(h.config); return err == nil })
}

func TestArchiveIntoS3AndGCS(t *testing.T) {
	t.Parallel()
	h := newHost(t, withYAML(fast))
	opts := h.options(t)
	opts.Stores = cloudStores(t)
	h.serveHere(t, opts)
	var names []string
	for range 3 {
		names = append(names, h.switchWAL(t))
	}
	h.until(t, "segments, tail and heartbeats are stored", func() bool {
		s, err := h.status(h.config)
		return err == nil && s.Archived >= 3 && s.TailShipped > 0 && s.HeartbeatStored > 3 && len(s.Alarms) == 0 && s.SpoolObjects == 0 &&
			archivedIn(t, opts.Stores[0], names[2]) && archivedIn(t, opts.Stores[1], names[2])
	})
	c := walship.Cluster{Source: "orders", SystemID: h.system, SegmentSize: 16 << 20, Stores: opts.Stores, Keys: opts.Keys}
	last, err := c.SegmentSize.ParseSegment(names[2])
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.SegmentSize.ParseSegment(names[0])
	if err != nil {
		t.Fatal(err)
	}
	proof, err := walship.Prove(t.Context(), c, []wal.Range{{Timeline: 1, First: first.Number, Last: last.Number}})
	if err != nil || len(proof) != int(last.Number-first.Number)+1 || !slices.Equal(proof[0].Stores, []string{"near", "far"}) {
		t.Fatalf("proof %+v, %v", proof, err)
	}
	// What one store lost is fetched from the other, here without asking the daemon.
	if err := opts.Stores[0].Delete(t.Context(), proof[0].Key, proof[0].Version); err != nil {
		t.Fatal(err)
	}
	if err := walship.Fetch(t.Context(), opts, names[0], "pg_wal/RECOVERYXLOG"); err != nil {
		t.Error(err)
	}
}
