package archive

import (
	"io/fs"
	"os"
	"time"
)

// Policy says what to do about files that change while they are read.
type Policy uint8

const (
	// Strict fails the backup with failure.CheckFailed when a file vanished or
	// changed: for data that should be still.
	Strict Policy = iota
	// Live reads exactly what is there: a vanished file is omitted, a grown one
	// cut at the size it had when first seen, a shrunk one kept as far as it goes.
	// Each is recorded. For files a write-ahead log makes whole again.
	Live
)

// File is one thing to back up.
type File struct {
	Path   string   // in the set: relative, clean, slash-separated
	Root   *os.Root // confines the read; nil: Bytes is the content
	Name   string   // within Root; default Path
	Policy Policy

	Bytes   []byte      // content when Root is nil
	Mode    fs.FileMode // permissions when Root is nil
	ModTime time.Time   // when Root is nil
}

func (f *File) name() string { return orDefault(f.Name, f.Path) }

// FileResult is what became of one file.
type FileResult struct {
	Path      string
	Type      EntryType
	SizeBytes int64
	ModTime   time.Time
	CRC32C    uint32 // of the whole content, as PostgreSQL's backup_manifest takes it
	Outcome   Outcome
}

// unixMode turns Go's mode bits into st_mode & 07777.
func unixMode(mode fs.FileMode) uint32 {
	bits := uint32(mode.Perm())
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if mode&flag != 0 {
			bits |= bit
		}
	}
	return bits
}

// goMode reverses unixMode.
func goMode(bits uint32) fs.FileMode {
	mode := fs.FileMode(bits & 0o777)
	for flag, bit := range map[fs.FileMode]uint32{fs.ModeSetuid: 0o4000, fs.ModeSetgid: 0o2000, fs.ModeSticky: 0o1000} {
		if bits&bit != 0 {
			mode |= flag
		}
	}
	return mode
}
