package archive

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// watched notes how many files below dir this process has open while it is read.
type watched struct {
	io.Reader
	t    *testing.T
	dir  string
	most int
}

func (w *watched) Read(p []byte) (int, error) {
	handles, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		w.t.Fatal(err)
	}
	open := 0
	for _, handle := range handles {
		// One that was closed meanwhile is none of these.
		if name, err := os.Readlink(filepath.Join("/proc/self/fd", handle.Name())); err == nil && strings.HasPrefix(name, w.dir+"/") {
			open++
		}
	}
	w.most = max(w.most, open)
	return w.Reader.Read(p)
}

// The same content in more files than a process may have open, and several times in
// one, gets everywhere.
func TestContentThatBelongsInManyPlaces(t *testing.T) {
	t.Parallel()
	dir, content := t.TempDir(), bytes.Repeat([]byte("content "), cacheBytes/4)
	target, err := openTarget(RestoreConfig{Target: dir}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer target.close()
	size, places := int64(len(content)), []destination{}
	for i := range 3 * maxOpenFiles {
		entry := &Entry{Path: fmt.Sprintf("base/%d/PG_VERSION", i), Type: TypeFile}
		places = append(places, destination{entry, Slice{SizeBytes: size}}, destination{entry, Slice{Offset: size, SizeBytes: size}})
	}
	from := &watched{Reader: bytes.NewReader(content), t: t, dir: dir}
	r := &restore{target: target, meter: newMeter(0, nil)}
	if err := newPlacer(r).place(Object{}, "member", places, size, from); err != nil {
		t.Fatal(err)
	}
	if from.most == 0 || from.most > maxOpenFiles {
		t.Errorf("%d files were open at once", from.most)
	}
	for _, d := range places {
		if got, err := os.ReadFile(filepath.Join(dir, d.entry.Path)); err != nil || !bytes.Equal(got, append(bytes.Clone(content), content...)) {
			t.Fatalf("%s: %d other bytes, %v", d.entry.Path, len(got), err)
		}
	}
}
