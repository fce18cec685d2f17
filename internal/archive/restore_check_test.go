package archive

import (
	"bytes"
	"context"
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
		err = (&restore{target: target}).readBack(t.Context(), target.main.root, "a", entry)
		if tt.bad != failure.Is(err, failure.Corrupt) || (!tt.bad && err != nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A restore that is ended while it reads back found no damage.
func TestReadBackThatIsEndedIsNoDamage(t *testing.T) {
	t.Parallel()
	dir, content := t.TempDir(), []byte("content")
	if err := os.WriteFile(filepath.Join(dir, "a"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	target, err := openTarget(RestoreConfig{Target: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	entry := &Entry{Path: "a", Type: TypeFile, SizeBytes: int64(len(content)), CRC32C: crc32c(content)}
	r := &restore{cfg: RestoreConfig{ReadBack: true, Workers: 1}, target: target, entries: []*Entry{entry}}
	r.contents.add(entry, Slice{SizeBytes: entry.SizeBytes}, entry.CRC32C, true)
	if err := r.check(ctx); !failure.Is(err, failure.Unavailable) {
		t.Errorf("class %s: %v", failure.ClassOf(err), err)
	}
	if err := r.readBack(ctx, target.main.root, "a", entry); !failure.Is(err, failure.Unavailable) {
		t.Errorf("class %s: %v", failure.ClassOf(err), err)
	}
}

// What is written last is read back before it takes the old one's place.
func TestLastFileIsReadBack(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		disk, left string
		want       failure.Class
	}{
		"as restored": {disk: "new content", left: "new content"},
		"one byte":    {disk: "new c0ntent", left: "old", want: failure.Corrupt},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600); err != nil {
			t.Fatal(err)
		}
		target, err := openTarget(RestoreConfig{Target: dir}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer target.close()
		entry := &Entry{Path: "a", Type: TypeFile, SizeBytes: 11, Mode: 0o600, UID: -1, GID: -1, CRC32C: crc32c([]byte("new content"))}
		r := &restore{cfg: RestoreConfig{ReadBack: true}, target: target, entries: []*Entry{entry}, last: map[string]bool{"a": true}, meter: newMeter(0, nil), manifest: &Manifest{}}
		r.held.parts = []heldSlice{{destination{entry, Slice{SizeBytes: 11}}, []byte(tt.disk)}}
		if err := r.writeHeld(t.Context()); failure.ClassOf(err) != tt.want {
			t.Errorf("%s: class %s: %v", name, failure.ClassOf(err), err)
		}
		if left, err := os.ReadFile(filepath.Join(dir, "a")); err != nil || string(left) != tt.left {
			t.Errorf("%s: left %q, %v", name, left, err)
		}
	}
}

// A target that cannot be written to says nothing about the part.
func TestWriteErrorIsNoDamageOfThePart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "a"), 0o700); err != nil {
		t.Fatal(err)
	}
	target, err := openTarget(RestoreConfig{Target: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.close()
	content := []byte("content")
	places := []destination{{&Entry{Path: "a", Type: TypeFile}, Slice{SizeBytes: int64(len(content))}}}
	place := func(from []byte) error {
		p := newPlacer(&restore{target: target, meter: newMeter(0, nil)})
		return p.place(Object{}, "member", places, int64(len(content)), bytes.NewReader(from))
	}
	if err := place(content); err == nil || corruptUnless(err) != failure.Unknown {
		t.Errorf("a directory in the way: class %s: %v", corruptUnless(err), err)
	}
	if err := place(content[:3]); err == nil || corruptUnless(err) != failure.Corrupt {
		t.Errorf("a member that ends early: class %s: %v", corruptUnless(err), err)
	}
}
