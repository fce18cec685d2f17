package archive

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// The manifest is JSON lines: one record a line, keys always in the order below,
// no spaces, and no string ever holds a quote or a backslash. So awk -F'"' reads
// it as well as a JSON parser does.

type headLine struct {
	Record   string       `json:"record"` // "manifest"
	Format   int          `json:"format"`
	Set      SetID        `json:"set"`
	Source   string       `json:"source"`
	Counter  uint64       `json:"counter"`
	Previous store.Digest `json:"previous"`
	Parts    int          `json:"parts"`
	Xattrs   []string     `json:"xattrs,omitempty"` // encoded; what the set keeps
}

type entryLine struct {
	Record    string    `json:"record"` // "entry"
	Path      string    `json:"path"`
	Type      EntryType `json:"type"`
	Mode      string    `json:"mode"` // octal
	UID       int       `json:"uid"`
	GID       int       `json:"gid"`
	ModTime   string    `json:"mtime"`
	SizeBytes int64     `json:"size_bytes"`
	Target    string    `json:"target"`
	CRC32C    string    `json:"crc32c"`
	Outcome   Outcome   `json:"outcome"`
	Slices    int       `json:"slices"`
	Xattrs    int       `json:"xattrs,omitempty"`
}

type xattrLine struct {
	Record string `json:"record"` // "xattr"
	Name   string `json:"name"`
	Value  string `json:"value"` // base64
}

type sliceLine struct {
	Record    string       `json:"record"` // "slice"
	Offset    int64        `json:"offset"`
	SizeBytes int64        `json:"size_bytes"`
	SHA256    store.Digest `json:"sha256"`
	Part      int          `json:"part"`
	Member    string       `json:"member"`
}

type endLine struct {
	Record  string `json:"record"` // "end"
	Entries int    `json:"entries"`
	Slices  int    `json:"slices"`
}

// encodeManifest writes m. Entries are sorted by path, parents first.
func encodeManifest(w io.Writer, m *Manifest) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	slices := 0
	err := encoder.Encode(headLine{"manifest", FormatVersion, m.Set, m.Source, m.Counter, m.Previous, m.Parts, m.Xattrs.encode()})
	for i := 0; i < len(m.Entries) && err == nil; i++ {
		entry := &m.Entries[i]
		err = encoder.Encode(entryLine{
			"entry", encodeName(entry.Path), entry.Type, fmt.Sprintf("%04o", entry.Mode),
			entry.UID, entry.GID, entry.ModTime.UTC().Format(time.RFC3339Nano), entry.SizeBytes, encodeName(entry.Target),
			fmt.Sprintf("%08x", entry.CRC32C), entry.Outcome, len(entry.Slices), len(entry.Xattrs),
		})
		for j := 0; j < len(entry.Xattrs) && err == nil; j++ {
			err = encoder.Encode(entry.Xattrs[j].line())
		}
		for j := 0; j < len(entry.Slices) && err == nil; j++ {
			s := &entry.Slices[j]
			err = encoder.Encode(sliceLine{"slice", s.Offset, s.SizeBytes, s.SHA256, s.Part, s.Member})
			slices++
		}
	}
	if err == nil {
		err = encoder.Encode(endLine{"end", len(m.Entries), slices})
	}
	if err == nil {
		err = buffered.Flush()
	}
	return failure.Wrap(failure.Internal, err, "encode manifest of %s", m.Set)
}
