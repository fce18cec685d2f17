package archive

import (
	"time"

	"github.com/terragonlabs/holdfast/internal/store"
)

// EntryType is what a manifest entry is on disk.
type EntryType string

// Types of entry.
const (
	TypeFile      EntryType = "file"
	TypeDirectory EntryType = "directory"
	TypeSymlink   EntryType = "symlink"
)

// Outcome says what became of a file while it was read.
type Outcome string

// Outcomes.
const (
	Complete Outcome = "complete" // size as it was when the file was first seen
	Grown    Outcome = "grown"    // cut at the size it had when first seen
	Shrunk   Outcome = "shrunk"   // what was left is kept; gaps read as zeros
	Vanished Outcome = "vanished" // gone before it could be read: nothing kept
)

// Entry is one file, directory or link of a set.
type Entry struct {
	Path      string    // relative, clean, slash-separated; any bytes
	Type      EntryType //
	Mode      uint32    // permission bits with setuid, setgid, sticky as in st_mode & 07777
	UID, GID  int       //
	ModTime   time.Time //
	SizeBytes int64     //
	Target    string    // of a symlink; any bytes
	CRC32C    uint32    // Castagnoli, of the whole content
	Outcome   Outcome   //
	Xattrs    []Xattr   // ascending by name, each once; only what the manifest's names match
	Slices    []Slice   // ascending, not overlapping
}

// Slice is one stretch of a file and where its content is.
type Slice struct {
	Offset    int64
	SizeBytes int64
	SHA256    store.Digest // of the content
	Part      int          // position in the descriptor's Parts
	Member    string       // the tar member in that part that is this content
}

// Manifest is the decoded private file map of one set.
type Manifest struct {
	Set      SetID
	Source   string
	Counter  uint64
	Previous store.Digest
	Parts    int
	Xattrs   xattrNames // the extended attributes that were asked for
	Entries  []Entry
}
