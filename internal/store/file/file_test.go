package file_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/store/storetest"
	"github.com/terragonlabs/holdfast/internal/store/storetest/suite"
)

func open(t testing.TB, dir string) *file.Store {
	t.Helper()
	s, err := file.Open(file.Config{Name: "disk", Dir: dir, Prefix: "some/prefix"})
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

// rival writes where the store does, behind its back.
type rival struct{ dir string }

func (r rival) Overwrite(_ context.Context, key string, body []byte, digest store.Digest) error {
	for name, content := range map[string][]byte{"objects": body, "sha256": []byte(digest.String() + "  " + key + "\n")} {
		path := filepath.Join(r.dir, name, "some/prefix", key)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (r rival) Hide(_ context.Context, key string) error {
	return os.Remove(filepath.Join(r.dir, "objects/some/prefix", key))
}

func TestConformance(t *testing.T) {
	t.Parallel()
	suite.Run(t, func(t *testing.T) storetest.Target {
		t.Helper()
		dir := t.TempDir()
		return storetest.Target{Store: open(t, dir), Rival: rival{dir}, BigBytes: 8 << 20}
	}, "version-pinned", "version-hidden", "locked")
}

func TestPeopleCanCheckDigestsWithSha256sum(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, open(t, dir), "set/part 1", "hello")
	check := exec.CommandContext(t.Context(), "sha256sum", "-c", "../sha256/some/prefix/set/part 1")
	check.Dir = filepath.Join(dir, "objects")
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func TestFlippedByteIsCorrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "part", "hello world")
	path := filepath.Join(dir, "objects/some/prefix/part")
	for _, content := range []string{"hello worle", "hello worl", "hello world!", ""} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := read(t, s, "part"); !failure.Is(err, failure.Corrupt) {
			t.Errorf("%q read with %v, want Corrupt", content, err)
		}
	}
}

// A crash leaves a temporary file, or a digest without an object. Neither is
// listed, both give way to the next Put, and old temporary files are removed.
func TestCrashLeftovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "whole", "x")
	old, fresh := filepath.Join(dir, "tmp/old"), filepath.Join(dir, "tmp/fresh")
	orphan := filepath.Join(dir, "sha256/some/prefix/torn")
	for _, path := range []string{old, fresh, orphan} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if got := list(t, s); !slices.Equal(got, []string{"whole"}) {
		t.Errorf("listed %q", got)
	}
	_, oldErr := os.Stat(old)
	if _, err := os.Stat(fresh); err != nil || !os.IsNotExist(oldErr) {
		t.Errorf("fresh: %v, old: %v; want the old one removed only", err, oldErr)
	}
	put(t, s, "torn", "whole again")
	if got, err := read(t, s, "torn"); err != nil || got != "whole again" {
		t.Errorf("read %q, %v", got, err)
	}
}

// Objects copied here without their digests must stay readable: the manifest
// that names them holds their digests too.
func TestObjectWithoutDigestIsReadable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "part", "hello")
	if err := os.RemoveAll(filepath.Join(dir, "sha256")); err != nil {
		t.Fatal(err)
	}
	got, err := read(t, s, "part")
	obj, statErr := s.Stat(t.Context(), "part", "")
	if got != "hello" || err != nil || statErr != nil || !obj.SHA256.IsZero() {
		t.Errorf("read %q, %v; stat %+v, %v", got, err, obj, statErr)
	}
}

func TestHostileDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	put(t, s, "real", "x")
	base := filepath.Join(dir, "objects/some/prefix")
	if err := os.Symlink("/etc/passwd", filepath.Join(base, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(base, "dir")); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), "mkfifo", filepath.Join(base, "fifo")).Run(); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"link", "dir/passwd", "fifo"} {
		if got, err := read(t, s, key); err == nil {
			t.Errorf("%s was read: %d bytes", key, len(got))
		}
	}
	if got := list(t, s); !slices.Equal(got, []string{"real"}) {
		t.Errorf("listed %q", got)
	}
	_, err := s.Put(t.Context(), "real/below", strings.NewReader("x"), store.PutOptions{SizeBytes: 1, SHA256: store.DigestOf([]byte("x"))})
	if !failure.Is(err, failure.InvalidInput) {
		t.Errorf("put below an object: %v", err)
	}
}

func TestMissingDirectoryIsNotFoundAndNotMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "unmounted")
	_, err := file.Open(file.Config{Name: "disk", Dir: dir})
	if !failure.Is(err, failure.NotFound) || !strings.Contains(failure.HintOf(err), dir) {
		t.Errorf("got %v, hint %q", err, failure.HintOf(err))
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory was made: %v", err)
	}
}

func TestListing100000(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	suite.MakeFiles(t, filepath.Join(dir, "objects/some/prefix"))
	suite.CountListing(t, s, store.ListOptions{})
}

func BenchmarkPut64MiB(b *testing.B) {
	s := open(b, b.TempDir())
	suite.BenchmarkPut(b, s)
}

func BenchmarkGet64MiB(b *testing.B) {
	s := open(b, b.TempDir())
	suite.BenchmarkGet(b, s)
}

func put(t *testing.T, s store.Store, key, content string) {
	t.Helper()
	opts := store.PutOptions{SizeBytes: int64(len(content)), SHA256: store.DigestOf([]byte(content))}
	if _, err := s.Put(t.Context(), key, strings.NewReader(content), opts); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, s store.Store, key string) (string, error) {
	t.Helper()
	r, _, err := s.Get(t.Context(), key, store.GetOptions{})
	if err != nil {
		return "", err
	}
	defer r.Close() //nolint:errcheck // nothing was written
	var buf bytes.Buffer
	_, err = buf.ReadFrom(r)
	return buf.String(), err
}

func list(t *testing.T, s store.Store) []string {
	t.Helper()
	var found []string
	for obj, err := range s.List(t.Context(), "", store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, obj.Key)
	}
	return found
}
