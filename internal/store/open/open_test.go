package open_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store/open"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

// Every kind of store is opened from its description and passes the suite as
// starter plan check --live runs it.
func TestOpenedStoresPassTheSuite(t *testing.T) {
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
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(s3.SecretKey.Reveal()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOLDFAST_TEST_ACCESS", s3.AccessKey)
	cases := []struct {
		cfg      open.Config
		notShown string
	}{
		{open.Config{
			Name: "a", Provider: open.S3, Bucket: "primary", Region: s3.Region, Endpoint: s3.Endpoint, PathStyle: true,
			AccessKey: "env:HOLDFAST_TEST_ACCESS", SecretKey: "file:" + secret,
		}, ""},
		{open.Config{Name: "b", Provider: open.GCS, Bucket: "secondary", Endpoint: gcs.Endpoint, Anonymous: true}, "locked"},
		{open.Config{Name: "c", Provider: open.File, Dir: t.TempDir()}, "damaged version-pinned version-hidden locked"},
	}
	for _, c := range cases {
		t.Run(c.cfg.Provider, func(t *testing.T) {
			s, err := open.Open(t.Context(), c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close() //nolint:errcheck // all was read back
			attacker, err := open.Rival(t.Context(), c.cfg)
			if err != nil {
				t.Fatal(err)
			}
			var absent []string
			target := storetest.Target{Store: s, Rival: attacker, BigBytes: 1 << 20}
			for _, result := range storetest.Report(t.Context(), target) {
				switch result.Verdict {
				case storetest.Shown:
				case storetest.NotShown:
					absent = append(absent, result.Check)
				case storetest.Broken:
					t.Errorf("%s: %s", result.Check, result.Detail)
				}
			}
			if got := strings.Join(absent, " "); got != c.notShown {
				t.Errorf("not shown: %q, want %q", got, c.notShown)
			}
		})
	}
}

// TestAnywayWhileAServerIsDown: what starts meanwhile must do without the store, and
// with it as soon as it is back.
func TestAnywayWhileAServerIsDown(t *testing.T) {
	t.Parallel()
	server, err := objectstore.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	if err := server.CreateBucket(t.Context(), "primary", true); err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{secret: server.SecretKey.Reveal(), secret + ".access": server.AccessKey} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg := open.Config{
		Name: "a", Provider: open.S3, Bucket: "primary", Region: server.Region, Endpoint: server.Endpoint, PathStyle: true,
		AccessKey: "file:" + secret + ".access", SecretKey: "file:" + secret,
	}
	answering, err := open.Anyway(t.Context(), cfg, false)
	if err != nil {
		t.Fatal(err)
	}
	defer answering.Close() //nolint:errcheck // nothing was written
	server.Kill()
	down, err := open.Anyway(t.Context(), cfg, answering.Capabilities().Locks)
	if err != nil {
		t.Fatal(err)
	}
	defer down.Close() //nolint:errcheck // only read
	if down.Capabilities() != answering.Capabilities() {
		t.Errorf("taken for %+v, it is %+v", down.Capabilities(), answering.Capabilities())
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := down.Stat(soon, "v1/a", ""); !failure.Is(err, failure.Unavailable) {
		t.Errorf("while it is down: %v", err)
	}
	if err := server.Again(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := down.Stat(t.Context(), "v1/a", ""); !failure.Is(err, failure.NotFound) {
		t.Errorf("when it is back: %v", err)
	}
	cfg.SecretKey = "file:/nonexistent"
	if _, err := open.Anyway(t.Context(), cfg, false); !failure.Is(err, failure.NotFound) {
		t.Errorf("a secret that is missing: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		cfg   open.Config
		class failure.Class
	}{
		"unknown provider": {open.Config{Provider: "azure"}, failure.InvalidInput},
		"plain secret":     {open.Config{Provider: open.S3, Bucket: "b", AccessKey: "AKIA", SecretKey: "hunter2"}, failure.InvalidInput},
		"unset secret":     {open.Config{Provider: open.S3, Bucket: "b", AccessKey: "env:HOLDFAST_TEST_UNSET"}, failure.NotFound},
		"missing CA":       {open.Config{Provider: open.GCS, Bucket: "b", CAFile: "/nonexistent"}, failure.NotFound},
		"missing dir":      {open.Config{Provider: open.File, Dir: "/nonexistent"}, failure.NotFound},
	}
	for name, c := range cases {
		s, err := open.Open(t.Context(), c.cfg)
		if s != nil || !failure.Is(err, c.class) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: store %v, class %s: %v", name, s, failure.ClassOf(err), err)
		}
	}
}
