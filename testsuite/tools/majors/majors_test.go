package majors

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

func TestEveryKnownMajorHasASource(t *testing.T) {
	t.Parallel()
	for i, source := range Sources() {
		if source.Major != pg.OldestMajor+pg.Major(i) || (source.suite == "") == (source.npm == "") {
			t.Errorf("source %d is %+v", i, source)
		}
	}
	if last := Sources()[len(Sources())-1]; last.Major != pg.NewestMajor {
		t.Errorf("the newest source is of %s, holdfast knows %s", last.Major, pg.NewestMajor)
	}
	chosen, err := Select("17, 13")
	if err != nil || len(chosen) != 2 || chosen[0].Major != 17 || chosen[1].Major != 13 {
		t.Errorf("Select = %v, %v", chosen, err)
	}
	if _, err := Select("12"); !failure.Is(err, failure.InvalidInput) {
		t.Errorf("Select of 12 = %v", err)
	}
}

// TestArchiveThatDoesNotAnswer: the error names the major and says what to do, and
// nothing is left that looks installed.
func TestArchiveThatDoesNotAnswer(t *testing.T) {
	t.Setenv("HOLDFAST_DEBIAN", "file:/nonexistent")
	dir, err := os.MkdirTemp("/var/tmp", "majors") //nolint:usetesting // others must be able to enter it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	source := Source{Major: 99, suite: "nosuchsuite"}
	_, err = Ensure(t.Context(), dir, source)
	if err == nil || !strings.Contains(err.Error(), source.String()) || failure.HintOf(err) == "" {
		t.Errorf("Ensure = %v, hint %q", err, failure.HintOf(err))
	}
	if marked(filepath.Join(dir, "99"), source) {
		t.Error("what failed is marked as installed")
	}
}

func TestDirectoryThatServersCannotEnter(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	want := failure.Class("")
	if os.Geteuid() == 0 {
		want = failure.Forbidden // servers run as somebody else
	}
	if err := reachable(filepath.Join(closed, "majors")); failure.ClassOf(err) != want {
		t.Errorf("reachable = %v, want %q", err, want)
	}
}

func TestMarkNamesSourceAndPlace(t *testing.T) {
	t.Parallel()
	place, source := t.TempDir(), Sources()[4]
	if marked(place, source) {
		t.Error("an empty directory is marked")
	}
	write(t, filepath.Join(place, mark), source.String()+" at "+place+"\n")
	if !marked(place, source) {
		t.Error("what was installed here is not recognised")
	}
	moved := place + ".moved"
	if err := os.Rename(place, moved); err != nil {
		t.Fatal(err)
	}
	if marked(moved, source) {
		t.Error("a directory that was moved cannot find its loader, and counts as installed")
	}
}

func TestLinksStayInsideThePackage(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		list string
		ok   bool
	}{
		"inside":         {`[{"source":"native/lib/libpq.so.5.16","target":"native/lib/libpq.so.5"}]`, true},
		"target above":   {`[{"source":"native/lib/libpq.so.5.16","target":"native/../../x"}]`, false},
		"source above":   {`[{"source":"../../etc/passwd","target":"native/lib/x"}]`, false},
		"absolute":       {`[{"source":"/etc/passwd","target":"native/lib/x"}]`, false},
		"no list at all": {`{`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			if err := os.Mkdir(filepath.Join(root, "lib"), 0o755); err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(root, "lib/libpq.so.5.16"), "library")
			write(t, filepath.Join(root, "pg-symlinks.json"), tt.list)
			if err := makeLinks(root); (err == nil) != tt.ok {
				t.Fatalf("makeLinks = %v", err)
			}
			if content, err := os.ReadFile(filepath.Join(root, "lib/libpq.so.5")); tt.ok && string(content) != "library" {
				t.Errorf("the link leads to %q, %v", content, err)
			}
		})
	}
}

func TestOnlyLibrariesAreUnpackedBesideTheServer(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"libc6": true, "libpq5": true, "libicu76": true, "zlib1g": true, "libllvm19": false, "libjson-perl": false, "perl": false, "passwd": false,
	} {
		if isLibrary(name) != want {
			t.Errorf("isLibrary(%s) = %v", name, !want)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
