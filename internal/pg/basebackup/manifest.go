package basebackup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// manifest writes PostgreSQL's backup_manifest over the files in the set.
// Source: PostgreSQL documentation, "Backup Manifest Format". CRC-32C is one of
// its own checksum algorithms; the archive's SHA-256 hashes stand behind it.
func (b *backup) manifest(now time.Time) ([]byte, error) {
	files := slices.DeleteFunc(b.writer.Files(), func(f archive.FileResult) bool {
		return f.Type != archive.TypeFile || f.Outcome == archive.Vanished
	})
	slices.SortFunc(files, func(x, y archive.FileResult) int { return strings.Compare(x.Path, y.Path) })
	if len(files) == 0 {
		return nil, failure.New(failure.Internal, "the backup holds no file")
	}
	version := pg.MajorOfNum(b.facts.versionNum).ManifestVersion()
	var text bytes.Buffer
	fmt.Fprintf(&text, "{ \"PostgreSQL-Backup-Manifest-Version\": %d,\n", version)
	if version >= 2 {
		fmt.Fprintf(&text, "\"System-Identifier\": %s,\n", b.facts.systemID)
	}
	text.WriteString("\"Files\": [")
	for i, file := range files {
		if i > 0 {
			text.WriteByte(',')
		}
		writeFile(&text, file, now)
	}
	fmt.Fprintf(&text, "\n],\n\"WAL-Ranges\": [\n{ \"Timeline\": %d, \"Start-LSN\": \"%s\", \"End-LSN\": \"%s\" }\n],\n",
		b.start.timeline, b.start.lsn, b.stop.lsn)
	sum := sha256.Sum256(text.Bytes())
	fmt.Fprintf(&text, "\"Manifest-Checksum\": \"%s\"}\n", hex.EncodeToString(sum[:]))
	return text.Bytes(), nil
}

func writeFile(text *bytes.Buffer, file archive.FileResult, now time.Time) {
	modified := file.ModTime
	if modified.IsZero() {
		modified = now
	}
	fmt.Fprintf(text, "\n{ %s, \"Size\": %d, \"Last-Modified\": \"%s GMT\", \"Checksum-Algorithm\": \"CRC32C\", \"Checksum\": \"%s\" }",
		manifestPath(file.Path), file.SizeBytes, modified.UTC().Format(time.DateTime), hexCRC(file.CRC32C))
}

// manifestPath: names that are not UTF-8, or that JSON would escape, are in hex.
func manifestPath(path string) string {
	if !utf8.ValidString(path) || strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		return "\"Encoded-Path\": \"" + hex.EncodeToString([]byte(path)) + "\""
	}
	return "\"Path\": \"" + path + "\""
}

// hexCRC is the checksum's four bytes as they lie in memory on the server.
func hexCRC(sum uint32) string {
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, sum))
}
