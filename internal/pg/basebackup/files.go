package basebackup

import (
	"bytes"
	"context"
	"iter"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// addFiles hands every file PostgreSQL's rules include to the archive, the
// tablespaces' below pg_tblspc/<oid>.
func (b *backup) addFiles(ctx context.Context) error {
	dataDir := b.config.Cluster.DataDir
	rules, err := newRules(dataDir)
	if err != nil {
		return err
	}
	root, err := b.open(dataDir)
	if err != nil {
		return err
	}
	if err := b.writer.Add(ctx, regular(root, archive.Walk(root, "", archive.Live, rules.excluded))); err != nil {
		return err
	}
	for _, space := range b.facts.tablespaces {
		prefix := "pg_tblspc/" + strconv.FormatUint(uint64(space.OID), 10)
		location, err := b.open(filepath.Join(dataDir, filepath.FromSlash(prefix)))
		if err != nil {
			return err
		}
		// Walk skips by names within its root.
		skip := func(name string) bool { return rules.excludedIn(prefix, name) }
		if err := b.writer.Add(ctx, regular(location, archive.Walk(location, prefix, archive.Live, skip))); err != nil {
			return err
		}
	}
	return nil
}

func (b *backup) open(dir string) (*os.Root, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, pg.ClassifyFile(err, "open %s", dir)
	}
	b.roots = append(b.roots, root)
	return root, nil
}

// regular leaves out links and special files, as pg_basebackup does: a restored
// cluster must not write through a link into the original's directories. The
// links of tablespaces stay, a restore maps them.
func regular(root *os.Root, files iter.Seq2[archive.File, error]) iter.Seq2[archive.File, error] {
	return func(yield func(archive.File, error) bool) {
		for file, err := range files {
			if err == nil && path.Dir(file.Path) != "pg_tblspc" && isLink(root, file) {
				continue
			}
			if !yield(file, err) {
				return
			}
		}
	}
}

func isLink(root *os.Root, file archive.File) bool {
	name := file.Name
	if name == "" {
		name = file.Path
	}
	info, err := root.Lstat(name)
	return err == nil && info.Mode()&os.ModeSymlink != 0
}

const controlFile = "global/pg_control"

// addControl adds pg_control after all else, read until two readings agree: the
// server rewrites it in place.
func (b *backup) addControl(ctx context.Context) error {
	name := filepath.Join(b.config.Cluster.DataDir, filepath.FromSlash(controlFile))
	var last []byte
	for range 10 {
		content, err := pg.ReadSmall(name, 1<<20)
		if err != nil {
			return err
		}
		if bytes.Equal(content, last) {
			return b.writer.AddBytes(ctx, controlFile, content)
		}
		last = content
	}
	return failure.New(failure.Unavailable, "%s keeps changing", name)
}

// rules are PostgreSQL's exclusion rules. Source: src/backend/backup/basebackup.c
// (excludeDirContents, excludeFiles) and PostgreSQL documentation, "Making a
// Base Backup Using the Low Level API"; unchanged from 13 to 18.
type rules struct {
	unlogged map[string]bool // directory/number of relations with an init fork
}

func newRules(dataDir string) (rules, error) {
	r := rules{unlogged: map[string]bool{}}
	for _, top := range []string{"base", "pg_tblspc"} {
		if err := pg.WalkFiles(dataDir, top, func(name string, _ os.FileInfo) error {
			if number, found := strings.CutSuffix(name, "_init"); found {
				r.unlogged[number] = true
			}
			return nil
		}); err != nil {
			return rules{}, err
		}
	}
	return r, nil
}

func (r rules) excludedIn(prefix, name string) bool {
	if strings.HasPrefix(name, prefix+"/") {
		return r.excluded(name)
	}
	return r.excluded(prefix + "/" + name)
}

func (r rules) excluded(name string) bool {
	top, rest, below := strings.Cut(name, "/")
	base := path.Base(name)
	if below && emptied(top) {
		return top != "pg_wal" || rest != "archive_status"
	}
	return name == controlFile || left(top, below) || temporary(base) || r.isUnlogged(name)
}

// emptied directories are kept without what is in them.
func emptied(top string) bool {
	switch top {
	case "pg_wal", "pg_stat_tmp", "pg_replslot", "pg_dynshmem", "pg_notify", "pg_serial", "pg_snapshots", "pg_subtrans":
		return true
	}
	return false
}

// left are files of the top directory that belong to the running server, to
// another backup, or to this incarnation.
func left(top string, below bool) bool {
	if below {
		return false
	}
	switch top {
	case "postgresql.auto.conf.tmp", "current_logfiles", "current_logfiles.tmp", "backup_label", "backup_label.old",
		"tablespace_map", "tablespace_map.old", "backup_manifest", "postmaster.pid", "postmaster.opts",
		"standby.signal", "recovery.signal":
		return true
	}
	return strings.HasPrefix(top, "holdfast") || strings.HasPrefix(top, ".")
}

// temporary are temporary files and relations, and the relation cache.
func temporary(base string) bool {
	if strings.HasPrefix(base, "pgsql_tmp") || strings.HasPrefix(base, "pg_internal.init") {
		return true
	}
	backend, relation, found := strings.Cut(strings.TrimPrefix(base, "t"), "_")
	return found && strings.HasPrefix(base, "t") && digits(backend) && relation != "" && digits(relation[:1])
}

// isUnlogged: of an unlogged relation only the init fork is kept; recovery
// makes the others from it.
func (r rules) isUnlogged(name string) bool {
	dir, base := path.Split(name)
	if strings.HasSuffix(base, "_init") || base == "" || !digits(base[:1]) {
		return false
	}
	number, _, _ := strings.Cut(base, ".")
	number, _, _ = strings.Cut(number, "_")
	return r.unlogged[dir+number]
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
