package gcs_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/gcs"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/rival"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

const bucket = "secondary"

func startServer(t testing.TB, memory bool) *objectstore.GCS {
	t.Helper()
	server, err := objectstore.StartGCS(t.Context(), t.TempDir(), objectstore.GCSOptions{Memory: memory})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := server.CreateBucket(t.Context(), bucket, memory); err != nil {
		t.Fatal(err)
	}
	return server
}

func configFor(server *objectstore.GCS) gcs.Config {
	return gcs.Config{
		Name: "secondary", Bucket: bucket, Prefix: "some/prefix", Endpoint: server.Endpoint, Anonymous: true,
		ThresholdBytes: 8 << 20, ChunkBytes: 4 << 20,
	}
}

func open(t testing.TB, cfg gcs.Config) *gcs.Store {
	t.Helper()
	s, err := gcs.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func conform(t *testing.T, memory bool, absent ...string) {
	t.Helper()
	suite.Run(t, func(t *testing.T) storetest.Target {
		t.Helper()
		cfg := configFor(startServer(t, memory))
		attacker, err := rival.GCS(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Target{Store: open(t, cfg), Rival: attacker, BigBytes: 12 << 20}
	}, absent...)
}

// The emulator enforces no retention: locks are shown by the live check only.
func TestConformanceWithVersions(t *testing.T) {
	t.Parallel()
	conform(t, true, "locked")
}

func TestConformanceWithoutVersions(t *testing.T) {
	t.Parallel()
	conform(t, false, "version-pinned", "version-hidden", "locked")
}

func TestOpenFailures(t *testing.T) {
	t.Parallel()
	good := configFor(startServer(t, true))
	cases := map[string]struct {
		change func(*gcs.Config)
		class  failure.Class
		hint   string
	}{
		"missing bucket":  {func(c *gcs.Config) { c.Bucket = "no-such-bucket" }, failure.NotFound, "no-such-bucket"},
		"no bucket":       {func(c *gcs.Config) { c.Bucket = "" }, failure.InvalidInput, ""},
		"bad prefix":      {func(c *gcs.Config) { c.Prefix = "/a" }, failure.InvalidInput, ""},
		"bad CA":          {func(c *gcs.Config) { c.CAPEM = []byte("no certificate") }, failure.InvalidInput, ""},
		"bad credentials": {func(c *gcs.Config) { c.Anonymous, c.CredentialsJSON = false, config.NewSecret("hunter2") }, failure.InvalidInput, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := good
			c.change(&cfg)
			_, err := gcs.Open(t.Context(), cfg)
			if !failure.Is(err, c.class) || !strings.Contains(failure.HintOf(err), c.hint) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got class %s (%v), hint %q", failure.ClassOf(err), err, failure.HintOf(err))
			}
		})
	}
}

func TestServerDownIsUnavailable(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	s := open(t, configFor(server))
	server.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if _, err := s.Stat(ctx, "a", ""); !failure.Is(err, failure.Unavailable) {
		t.Errorf("got class %s: %v", failure.ClassOf(err), err)
	}
}

func TestServerDownIsWaitedForOnce(t *testing.T) {
	t.Parallel()
	server := startServer(t, true)
	s := open(t, configFor(server))
	server.Stop()
	suite.WaitedForOnce(t, s)
}

func TestVersionThatIsNoGenerationIsNotFound(t *testing.T) {
	t.Parallel()
	s := open(t, configFor(startServer(t, true)))
	for _, version := range []string{"x", "-1", "0", "99999999999999999999", "12"} {
		if _, err := s.Stat(t.Context(), "a", version); !failure.Is(err, failure.NotFound) {
			t.Errorf("version %q: class %s: %v", version, failure.ClassOf(err), err)
		}
	}
}

func BenchmarkPut64MiB(b *testing.B) { suite.BenchmarkPut(b, benchStore(b)) }

func BenchmarkGet64MiB(b *testing.B) { suite.BenchmarkGet(b, benchStore(b)) }

func benchStore(b *testing.B) store.Store {
	b.Helper()
	cfg := configFor(startServer(b, true))
	cfg.ThresholdBytes, cfg.ChunkBytes = 0, 0
	return open(b, cfg)
}
