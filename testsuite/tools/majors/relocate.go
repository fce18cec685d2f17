package majors

import (
	"context"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// relocate makes the unpacked programs use the loader and the libraries that
// were unpacked with them, under the name they will have at place. PostgreSQL
// finds its own files by where its programs are.
func (s Source) relocate(ctx context.Context, building, place string) error {
	home := filepath.Join("usr/lib/postgresql", s.Major.String())
	loader, err := findLoader(building)
	if err != nil {
		return err
	}
	patch := patcher{
		command: []string{filepath.Join(building, loader), "--library-path", libraries(building, building), filepath.Join(building, "usr/bin/patchelf")},
		changes: []string{"--set-interpreter", filepath.Join(place, loader), "--force-rpath", "--set-rpath", libraries(building, place)},
	}
	programs, err := os.ReadDir(filepath.Join(building, home, "bin"))
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "find the programs of %s", s)
	}
	for _, program := range programs {
		if err := patch.apply(ctx, filepath.Join(building, home, "bin", program.Name())); err != nil {
			return err
		}
	}
	// The compiler for queries is not installed; without its module the server
	// does without it, with half of it queries fail.
	if err := os.Remove(filepath.Join(building, home, "lib/llvmjit.so")); err != nil && !os.IsNotExist(err) {
		return failure.Wrap(failure.Forbidden, err, "leave out the query compiler")
	}
	return failure.Wrap(failure.Forbidden, os.Symlink(filepath.Join(home, "bin"), filepath.Join(building, "bin")), "link the programs")
}

// findLoader returns the dynamic loader below root, relative to it. The links to
// it are absolute in some suites, so the file itself is looked for.
func findLoader(root string) (string, error) {
	for _, pattern := range []string{"lib/*-linux-gnu*/ld-*.so*", "usr/lib/*-linux-gnu*/ld-*.so*"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return "", failure.Wrap(failure.Internal, err, "look for the loader")
		}
		for _, path := range found {
			if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
				return strings.TrimPrefix(path, root+"/"), nil
			}
		}
	}
	return "", failure.New(failure.NotFound, "the C library that was unpacked has no loader")
}

// libraries is the search path for the shared libraries below root once root is
// at place. Suites from before the merge of /usr have two directories.
func libraries(root, place string) string {
	var dirs []string
	for _, pattern := range []string{"lib/*-linux-gnu*", "usr/lib/*-linux-gnu*"} {
		found, _ := filepath.Glob(filepath.Join(root, pattern)) // the pattern is well formed
		for _, dir := range found {
			dirs = append(dirs, place+strings.TrimPrefix(dir, root))
		}
	}
	return strings.Join(dirs, ":")
}

type patcher struct{ command, changes []string }

// apply patches one program; scripts stay as they are.
func (p patcher) apply(ctx context.Context, path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return nil //nolint:nilerr // no program for the loader
	}
	_ = file.Close() // only read
	args := append(append(append([]string{}, p.command[1:]...), p.changes...), path)
	_, err = output(ctx, "", p.command[0], args...)
	return err
}
