package majors

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// fromNPM unpacks the server of the npm package. npm keeps no links, so the
// package lists those that libraries need.
func (s Source) fromNPM(ctx context.Context, building string) error {
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
	_, err = output(ctx, building, "chmod", "-R", "a+rX,u+w", "bin", "lib", "share")
	return err
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
