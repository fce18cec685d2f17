package swap

import (
	"context"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/fence"
	"github.com/terragonlabs/holdfast/internal/pg/replay"
)

const (
	// dressedFile is written last into the restored cluster's directory; it names
	// the run, so that one that came along in a backup says nothing.
	dressedFile = "holdfast.swapped"
	autoConf    = "postgresql.auto.conf"
)

func (s *swap) dressed() (bool, error) {
	return hasLine(filepath.Join(s.restored.cluster.DataDir, dressedFile), s.config.Run)
}

// dress ends the isolation and gives the restored cluster the settings the
// damaged one serves with. Killed half-way it is done again from the start;
// once done it is never repeated, so that later changes of settings stay.
func (s *swap) dress(ctx context.Context) error {
	c := s.restored.cluster
	if err := s.stop(ctx, s.restored, s.config.Restored); err != nil {
		return err
	}
	if err := s.before("release the isolation"); err != nil {
		return err
	}
	if err := replay.Release(ctx, c, s.config.Restored.Expected); err != nil {
		return err
	}
	if err := s.barOldTimelines(); err != nil {
		return err
	}
	files, err := settingsFiles(s.damaged.cluster.DataDir)
	if err != nil {
		return err
	}
	for _, name := range files {
		if err := s.copySettings(name); err != nil {
			return err
		}
	}
	if err := s.before("mark the settings as taken over"); err != nil {
		return err
	}
	return c.Programs.Owner.WriteFile(filepath.Join(c.DataDir, dressedFile), []byte(s.config.Run+"\n"), 0o600)
}

func (s *swap) copySettings(name string) error {
	if err := s.before("take over " + name); err != nil {
		return err
	}
	from, to := filepath.Join(s.damaged.cluster.DataDir, name), filepath.Join(s.restored.cluster.DataDir, name)
	content, err := pg.ReadSmall(from, maxSmallBytes)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return pg.ClassifyFile(err, "take over settings")
	}
	if name == autoConf {
		content = []byte(serviceSettings(string(content)))
	}
	owner := s.restored.cluster.Programs.Owner
	if err := owner.MkdirAll(filepath.Dir(to)); err != nil {
		return err
	}
	return owner.WriteFile(to, content, info.Mode().Perm())
}

// settingsFiles are a data directory's settings: *.conf and TLS files beside the
// data, and conf.d. Holdfast's own are not the service's. A cluster whose
// settings lie elsewhere, as on Debian, has only postgresql.auto.conf here.
func settingsFiles(dataDir string) ([]string, error) {
	var files []string
	for _, dir := range []string{".", "conf.d"} {
		entries, err := os.ReadDir(filepath.Join(dataDir, dir))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, pg.ClassifyFile(err, "look for settings")
		}
		for _, entry := range entries {
			if isSetting(entry) {
				files = append(files, path.Join(dir, entry.Name()))
			}
		}
	}
	return files, nil
}

func isSetting(entry fs.DirEntry) bool {
	kinds := []string{".conf", ".crt", ".key", ".pem", ".crl"}
	return entry.Type().IsRegular() && slices.Contains(kinds, path.Ext(entry.Name())) && !strings.HasPrefix(entry.Name(), "holdfast")
}

// serviceSettings leaves out of postgresql.auto.conf what belongs to one
// cluster's past: recovery targets, and the fence of a server that was down.
func serviceSettings(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(fence.Without(text)) {
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "recovery_target") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

// retiredLine is what keeps a cluster that was swapped out from archiving into
// the service's repository if somebody starts it to look at it.
const (
	retiredLine = "archive_mode = 'off' # holdfast: swapped out and kept"
	quietLine   = "listen_addresses = '' # holdfast: swapped out and kept"
	idleLine    = "max_logical_replication_workers = '0' # holdfast: swapped out and kept"
)

func (s *swap) retired() (bool, error) {
	return hasLine(filepath.Join(s.restored.cluster.DataDir, autoConf), retiredLine)
}

// retire adds settings to the kept cluster; twice adds them once.
func (s *swap) retire(ctx context.Context) error {
	c := s.restored.cluster
	if err := c.RequireStopped(ctx); err != nil {
		return err
	}
	if err := s.before("retire the restored cluster"); err != nil {
		return err
	}
	path := filepath.Join(c.DataDir, autoConf)
	content, err := pg.ReadSmall(path, maxSmallBytes)
	if err != nil && !failure.Is(err, failure.NotFound) {
		return err
	}
	text := strings.TrimSuffix(string(content), "\n") + "\n" + quietLine + "\n" + idleLine + "\n" + retiredLine + "\n"
	return c.Programs.Owner.WriteFile(path, []byte(text), 0o600)
}
