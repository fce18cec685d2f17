package walship

import (
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// maxTextBytes bounds history and backup files, which PostgreSQL keeps far smaller.
const maxTextBytes = wal.MaxHistoryBytes

// walDir resolves the cluster's pg_wal, which may be a link to another disk.
func walDir(s settings.Settings) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(s.DataDir, "pg_wal"))
	return dir, classFile(err, "find pg_wal of %s", s.DataDir)
}

// inWALDir returns the resolved pg_wal and path's name in it. A path that leads
// anywhere else is refused: it came over a socket.
func inWALDir(s settings.Settings, path string) (dir, name string, err error) {
	dir, err = walDir(s)
	if err != nil {
		return "", "", err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(s.DataDir, path)
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(path))
	if err != nil {
		return "", "", classFile(err, "find %s", filepath.Dir(path))
	}
	name = filepath.Base(path)
	if parent != dir || !filepath.IsLocal(name) || name == "." {
		return "", "", failure.New(failure.Refused, "%s is not a file in %s", path, dir).
			WithHint("data_dir in the settings must be the cluster that calls; give %%p as PostgreSQL does")
	}
	return dir, name, nil
}

// unarchived returns the segments that PostgreSQL has still to hand over: those with
// a .ready file (src/backend/access/transam/xlogarchive.c), in no order.
func unarchived(s settings.Settings) ([]wal.Segment, error) {
	dir, err := walDir(s)
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(filepath.Join(dir, "archive_status"))
	if err != nil {
		return nil, classFile(err, "see what of %s is not archived", dir)
	}
	var waiting []wal.Segment
	for _, entry := range entries {
		name, ready := strings.CutSuffix(entry.Name(), readySuffix)
		if seg, err := s.SegmentSizeBytes.ParseSegment(name); ready && err == nil { // else a history or backup file
			waiting = append(waiting, seg)
		}
	}
	return waiting, nil
}

const readySuffix = ".ready"

// lastWrite is when a file was written to; zero when nobody can tell. What the clock
// that was set since says of the future counts as now.
func lastWrite(path string) time.Time {
	info, err := os.Stat(path)
	if err != nil {
		return time.Time{}
	}
	if at, past := byOurClock(info.ModTime()); past {
		return at
	}
	return time.Now()
}

// archivable is a file that PostgreSQL wants archived.
type archivable struct {
	file    wal.FileName
	content []byte
	written time.Time // last
}

// readArchivable reads a file that PostgreSQL wants archived.
func readArchivable(s settings.Settings, path string) (archivable, error) {
	dir, name, err := inWALDir(s, path)
	if err != nil {
		return archivable{}, err
	}
	file, err := s.SegmentSizeBytes.ParseFileName(name)
	if err != nil {
		return archivable{}, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return archivable{}, classFile(err, "open %s", dir)
	}
	defer func() { _ = root.Close() }() // only read
	opened, err := root.Open(name)
	if err != nil {
		return archivable{}, classFile(err, "open %s", name)
	}
	defer func() { _ = opened.Close() }() // only read
	info, err := opened.Stat()
	if err != nil {
		return archivable{}, classFile(err, "look at %s", name)
	}
	content, err := readFile(opened, name, maxPlain(s.SegmentSizeBytes, file.Kind))
	return archivable{file: file, content: content, written: info.ModTime()}, err
}

// maxPlain is the most bytes a file of this kind can have.
func maxPlain(size wal.SegmentSize, kind wal.FileKind) int64 {
	if kind == wal.FileSegment || kind == wal.FilePartial || kind == wal.FileTail {
		return int64(size)
	}
	return maxTextBytes
}

// checkContent refuses what is not the file its name promises: before it is
// acknowledged, and again before PostgreSQL gets it back (L8).
func checkContent(p place, file wal.FileName, content []byte) error {
	switch file.Kind {
	case wal.FileSegment, wal.FilePartial:
		return checkSegment(p, file.Segment, content)
	case wal.FileHistory:
		_, err := wal.ParseHistory(file.Timeline, content)
		return err
	case wal.FileBackup:
		if len(content) == 0 {
			return failure.New(failure.Corrupt, "backup history file is empty")
		}
		return nil
	case wal.FileTail:
	}
	return failure.Invalid("wal_file", "a file of kind %q is not archived whole", file.Kind)
}

// checkSegment compares length and first page header with the segment's name
// and cluster.
func checkSegment(p place, seg wal.Segment, content []byte) error {
	header, err := wal.CheckSegment(content, seg, p.system, int64(len(content)))
	if err != nil {
		return err
	}
	if header.SegmentSize != p.size {
		return failure.New(failure.IdentityMismatch, "is of segments of %d bytes, the settings say %d", header.SegmentSize, p.size).
			WithHint("correct segment_size_bytes in the settings; pg_controldata shows the cluster's")
	}
	return nil
}
