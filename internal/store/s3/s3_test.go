package s3_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/s3"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/rival"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

const (
	lockedBucket = "locked"
	plainBucket  = "plain"
)

func startServer(t testing.TB) *objectstore.S3 {
	t.Helper()
	server, err := objectstore.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	for bucket, locked := range map[string]bool{lockedBucket: true, plainBucket: false} {
		if err := server.CreateBucket(t.Context(), bucket, locked); err != nil {
			t.Fatal(err)
		}
	}
	return server
}

func configFor(server *objectstore.S3, bucket string) s3.Config {
	return s3.Config{
		Name: "primary", Bucket: bucket, Prefix: "some/prefix", Region: server.Region, Endpoint: server.Endpoint, PathStyle: true,
		AccessKey: server.AccessKey, SecretKey: server.SecretKey,
		ThresholdBytes: 8 << 20, PieceBytes: 5 << 20,
	}
}

func open(t testing.TB, cfg s3.Config) *s3.Store {
	t.Helper()
	s, err := s3.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func conform(t *testing.T, cfg s3.Config, absent ...string) {
	t.Helper()
	suite.Run(t, func(t *testing.T) storetest.Target {
		t.Helper()
		attacker, err := rival.S3(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Target{Store: open(t, cfg), Rival: attacker, BigBytes: 12 << 20}
	}, absent...)
}

func TestConformanceWithVersionsAndLocks(t *testing.T) {
	t.Parallel()
	conform(t, configFor(startServer(t), lockedBucket))
}

func TestConformanceWithoutVersions(t *testing.T) {
	t.Parallel()
	conform(t, configFor(startServer(t), plainBucket), "version-pinned", "version-hidden", "locked")
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	for bucket, want := range map[string]bool{lockedBucket: true, plainBucket: false} {
		got := open(t, configFor(server, bucket)).Capabilities()
		if got != (store.Capabilities{Provider: "s3", Versions: want, Locks: want}) {
			t.Errorf("%s: %+v", bucket, got)
		}
	}
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	good := configFor(server, plainBucket)
	cases := map[string]struct {
		change func(*s3.Config)
		class  failure.Class
		hint   string
	}{
		"missing bucket": {func(c *s3.Config) { c.Bucket = "no-such-bucket" }, failure.NotFound, "no-such-bucket"},
		"wrong secret":   {func(c *s3.Config) { c.SecretKey = config.NewSecret("wrong") }, failure.Forbidden, "credentials"},
		"unknown key":    {func(c *s3.Config) { c.AccessKey = "nobody" }, failure.Forbidden, "credentials"},
		"no bucket":      {func(c *s3.Config) { c.Bucket = "" }, failure.InvalidInput, ""},
		"no secret":      {func(c *s3.Config) { c.SecretKey = config.Secret{} }, failure.InvalidInput, ""},
		"small pieces":   {func(c *s3.Config) { c.PieceBytes = 1 << 20 }, failure.InvalidInput, ""},
		"bad prefix":     {func(c *s3.Config) { c.Prefix = "/a" }, failure.InvalidInput, ""},
		"bad CA":         {func(c *s3.Config) { c.CAPEM = []byte("no certificate") }, failure.InvalidInput, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			c.change(&cfg)
			_, err := s3.Open(t.Context(), cfg)
			if !failure.Is(err, c.class) || !strings.Contains(failure.HintOf(err), c.hint) {
				t.Errorf("got class %s (%v), hint %q", failure.ClassOf(err), err, failure.HintOf(err))
			}
		})
	}
}

func TestServerDownIsUnavailable(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := open(t, configFor(server, plainBucket))
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := s.Stat(ctx, "a", ""); !failure.Is(err, failure.Unavailable) {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}

func TestServerDownIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := open(t, configFor(server, plainBucket))
	server.Stop()
	suite.WaitedForOnce(t, s)
}

// A byte flipped on the server's disk, behind its back.
func TestFlippedByteIsCorrupt(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	s := open(t, configFor(server, plainBucket))
	data := bytes.Repeat([]byte("holdfast"), 1000)
	put(t, s, "part", data)
	path := filepath.Join(server.DataDir, plainBucket, "some/prefix/part")
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{'X'}, 4000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := readAll(t, s, "part"); !failure.Is(err, failure.Corrupt) {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}

func TestListing100000(t *testing.T) {
	t.Parallel()
	server := startServer(t)
	base := filepath.Join(server.DataDir, plainBucket, "some/prefix")
	suite.MakeFiles(t, base)
	s := open(t, configFor(server, plainBucket))
	suite.CountListing(t, s, store.ListOptions{})
	suite.CountListing(t, s, store.ListOptions{Versions: true})
}

// More versions of one key than fit on a page, forged over the first: all are
// listed once, newest first, and the first is still there.
func TestVersionsAcrossPages(t *testing.T) {
	t.Parallel()
	const forged = 1020
	cfg := configFor(startServer(t), lockedBucket)
	attacker, err := rival.S3(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, cfg)
	first := put(t, s, "b", []byte("first"))
	put(t, s, "a", []byte("before"))
	put(t, s, "c", []byte("after"))
	for range forged {
		if err := attacker.Overwrite(t.Context(), "b", []byte("forged"), store.Digest{}); err != nil {
			t.Fatal(err)
		}
	}
	var keys strings.Builder
	seen := map[string]bool{}
	lastOfB := ""
	for obj, err := range s.List(t.Context(), "", store.ListOptions{Versions: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen[obj.Version] {
			t.Fatalf("version %s listed twice", obj.Version)
		}
		seen[obj.Version] = true
		keys.WriteString(obj.Key)
		if obj.Key == "b" {
			lastOfB = obj.Version
		}
	}
	if want := "a" + strings.Repeat("b", forged+1) + "c"; keys.String() != want || lastOfB != first.Version {
		t.Errorf("%d entries listed, want %d; the oldest is %s, want %s", keys.Len(), len(want), lastOfB, first.Version)
	}
}

func BenchmarkPut64MiB(b *testing.B) { suite.BenchmarkPut(b, benchStore(b)) }

func BenchmarkGet64MiB(b *testing.B) { suite.BenchmarkGet(b, benchStore(b)) }

func benchStore(b *testing.B) store.Store {
	b.Helper()
	cfg := configFor(startServer(b), plainBucket)
	cfg.ThresholdBytes = 0
	return open(b, cfg)
}

func put(t *testing.T, s store.Store, key string, data []byte) store.Object {
	t.Helper()
	obj, err := s.Put(t.Context(), key, bytes.NewReader(data), store.PutOptions{SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)})
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

func readAll(t *testing.T, s store.Store, key string) error {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, store.GetOptions{})
	if err != nil {
		return fmt.Errorf("get: %w", err)
	}
	defer r.Close() //nolint:errcheck // nothing was written
	_, err = new(bytes.Buffer).ReadFrom(r)
	return err
}
