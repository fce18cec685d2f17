package archive

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// A file is right only when its stretches, in whatever order they came, and the
// gaps between them come to its own checksum.
func TestContentIsCheckedAsAWhole(t *testing.T) {
	t.Parallel()
	one, two := []byte("first stretch"), []byte("second")
	whole := append(append(bytes.Clone(one), make([]byte, 100)...), two...)
	at := int64(len(one)) + 100
	for name, tt := range map[string]struct {
		second uint32
		skip   bool
		want   failure.Class
	}{
		"right":            {second: crc32c(two), want: failure.Unknown},
		"another stretch":  {second: crc32c(one), want: failure.Corrupt},
		"a stretch lacks":  {skip: true, want: failure.Corrupt},
		"one bit of a sum": {second: crc32c(two) ^ 1, want: failure.Corrupt},
	} {
		entry, known := &Entry{Path: "a", Type: TypeFile, SizeBytes: int64(len(whole)), CRC32C: crc32c(whole)}, &contents{}
		if !tt.skip {
			known.add(entry, Slice{Offset: at, SizeBytes: int64(len(two))}, tt.second, true)
		}
		known.add(entry, Slice{SizeBytes: int64(len(one))}, crc32c(one), false)
		if err := known.check(entry); (err == nil) != (tt.want == failure.Unknown) || (err != nil && !failure.Is(err, tt.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&contents{}).check(&Entry{Path: "empty", Type: TypeFile}); err != nil {
		t.Error(err)
	}
}

// What the disk holds is read again: another byte, a missing end and a file
// nobody may read for its mode are told apart from what was restored.
func TestReadBackSeesTheDisk(t *testing.T) {
	t.Parallel()
	whole := bytes.Repeat([]byte("content "), cacheBytes/4)
	entry := &Entry{Path: "a", Type: TypeFile, SizeBytes: int64(len(whole)), CRC32C: crc32c(whole)}
	flipped := bytes.Clone(whole)
	flipped[len(whole)-1] ^= 1
	for name, tt := range map[string]struct {
		disk []byte
		mode os.FileMode
		bad  bool
	}{
		"as restored":    {disk: whole, mode: 0o600},
		"closed by mode": {disk: whole, mode: 0},
		"one bit":        {disk: flipped, mode: 0o600, bad: true},
		"cut short":      {disk: whole[:cacheBytes], mode: 0o600, bad: true},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a"), tt.disk, tt.mode); err != nil {
			t.Fatal(err)
		}
		target, err := openTarget(RestoreConfig{Target: dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer target.close()
		err = (&restore{target: target}).readBack(t.Context(), entry)
		if tt.bad != failure.Is(err, failure.Corrupt) || (!tt.bad && err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
