package archive_test

import (
	"context"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/s3"
	"github.com/terragonlabs/holdfast/internal/store/storetest/rival"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// L9, L17: on a store that keeps versions, what an attacker puts over a set's
// objects, or deletes, is reported and stepped over.
func TestVersionsBeatForgeriesAndDeleteMarkers(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server, err := objectstore.StartS3(ctx, t.TempDir())
	must(t, err)
	t.Cleanup(server.Stop)
	must(t, server.CreateBucket(ctx, "sets", true))
	cfg := s3.Config{
		Name: "s3", Bucket: "sets", Region: server.Region, Endpoint: server.Endpoint, PathStyle: true,
		AccessKey: server.AccessKey, SecretKey: server.SecretKey,
	}
	bucket, err := s3.Open(ctx, cfg)
	must(t, err)
	attacker, err := rival.S3(ctx, cfg)
	must(t, err)

	f := newFixture(t)
	f.populate()
	f.stores = []store.Store{bucket} // alone: no other store can help
	backup := f.config(archive.Full)
	backup.RetainUntil = time.Now().Add(time.Hour)
	f.backup(backup)
	incremental := f.config(archive.Incremental)
	incremental.RetainUntil = time.Now().Add(2 * time.Hour)
	d, _ := f.backup(incremental)

	// L16: an increment's lock covers the earlier parts it needs.
	for _, part := range d.Parts {
		object, err := bucket.Stat(ctx, part.Key, part.Stores["s3"])
		must(t, err)
		if object.LockedUntil.Before(incremental.RetainUntil.Add(-time.Minute)) {
			t.Fatalf("part %s is locked until %s only", part.Key, object.LockedUntil)
		}
	}

	forged := []byte("forged")
	must(t, attacker.Overwrite(ctx, archive.DescriptorKey(source, d.Set), forged, store.DigestOf(forged)))
	must(t, attacker.Hide(ctx, archive.DescriptorKey(source, d.References[0])))
	must(t, attacker.Overwrite(ctx, d.Parts[0].Key, forged, store.DigestOf(forged)))
	must(t, attacker.Hide(ctx, d.Manifest.Key))

	listing, err := archive.List(ctx, f.stores, source, f.trust())
	must(t, err)
	kinds := map[archive.AnomalyKind]int{}
	for _, anomaly := range listing.Anomalies {
		kinds[anomaly.Kind]++
	}
	if len(listing.Sets) != 2 || kinds[archive.Forged] != 1 || kinds[archive.DeleteMarker] != 1 {
		t.Fatalf("%d sets, anomalies %+v", len(listing.Sets), listing.Anomalies)
	}
	restore := f.restoreConfig(d.Set)
	result, err := archive.Restore(ctx, restore)
	must(t, err)
	f.same(restore)
	if len(result.Anomalies) == 0 {
		t.Fatal("the restore does not mention the forgery")
	}
}
