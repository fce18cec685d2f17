package objectstore_test

import (
	"syscall"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/testsuite/stack/objectstore"
)

func TestServersStartServeAndStop(t *testing.T) {
	t.Parallel()
	s3, err := objectstore.StartS3(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	memory, err := objectstore.StartGCS(t.Context(), t.TempDir(), objectstore.GCSOptions{Memory: true})
	if err != nil {
		t.Fatal(err)
	}
	files, err := objectstore.StartGCS(t.Context(), t.TempDir(), objectstore.GCSOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // creating a bucket twice is fine
		for _, err := range []error{
			s3.CreateBucket(t.Context(), "locked", true), s3.CreateBucket(t.Context(), "plain", false),
			memory.CreateBucket(t.Context(), "versioned", true), files.CreateBucket(t.Context(), "plain", false),
		} {
			if err != nil {
				t.Error(err)
			}
		}
	}
	for _, server := range []interface {
		Stop()
		PID() int
	}{s3, memory, files} {
		server.Stop()
		server.Stop()
		if err := syscall.Kill(server.PID(), 0); err == nil {
			t.Errorf("process %d still runs", server.PID())
		}
	}
}

func TestMissingToolNamesMakeTools(t *testing.T) {
	t.Setenv("HOLDFAST_TOOLS", "")
	t.Setenv("PATH", t.TempDir())
	_, err := objectstore.StartS3(t.Context(), t.TempDir())
	if !failure.Is(err, failure.NotFound) || failure.HintOf(err) != "make tools" {
		t.Fatalf("got %v (hint %q)", err, failure.HintOf(err))
	}
}
