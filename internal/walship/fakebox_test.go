package walship_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/store/file"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

const boxSystem wal.SystemID = 7301234567890123456

// testKeys are made once: key generation is slow beside these tests.
var testKeys = sync.OnceValues(func() ([]keyring.PrivateKey, error) { //nolint:gochecknoglobals // a constant that takes computing
	first, err := keyring.Generate("box test", "box@example.test")
	if err != nil {
		return nil, err
	}
	second, err := keyring.Generate("offline test", "offline@example.test")
	return []keyring.PrivateKey{first, second}, err
})

// newFakeBox is a sandbox whose segments the test writes itself, 1 MiB each.
func newFakeBox(t testing.TB) *sandbox {
	t.Helper()
	box := &sandbox{dir: t.TempDir()}
	s, err := settings.Parse(fmt.Appendf(nil, `
source: orders
system_id: "%s"
segment_size_bytes: 1048576
data_dir: %s/data
socket: /nowhere
worker: /nowhere
spool: {dir: %s/spool}
archive: {patience: 100ms}
stores: [{name: near, provider: file, dir: /x}]
`, boxSystem, box.dir, box.dir))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := testKeys()
	if err != nil {
		t.Fatal(err)
	}
	recipients, err := keyring.NewRecipients(keys[0].Public(), keys[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	box.opts = walship.Options{Settings: s, Recipients: recipients, Keys: keyring.NewPrivate(keys[0])}
	if err := os.MkdirAll(filepath.Join(s.DataDir, "pg_wal"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"near", "far"} {
		box.open(t, name)
	}
	return box
}

func (b *sandbox) open(t testing.TB, name string) {
	t.Helper()
	dir := filepath.Join(b.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	opened, err := file.Open(file.Config{Name: name, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	guarded := &switchable{Store: opened}
	b.switches = append(b.switches, guarded)
	b.opts.Stores = append(b.opts.Stores, guarded)
}

func (b *sandbox) size() wal.SegmentSize { return b.opts.Settings.SegmentSizeBytes }

func (b *sandbox) cutAll(cut bool) {
	for _, one := range b.switches {
		one.cut.Store(cut)
	}
}

func (b *sandbox) archiver(t testing.TB) *walship.Archiver {
	t.Helper()
	archiver, err := walship.OpenArchiver(t.Context(), b.opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(archiver.Close)
	return archiver
}

func (b *sandbox) fetch(t testing.TB, name string) error {
	t.Helper()
	return walship.Fetch(t.Context(), b.opts, name, "pg_wal/RECOVERYXLOG")
}

func (b *sandbox) cluster() walship.Cluster {
	return walship.Cluster{
		Source: "orders", SystemID: boxSystem, SegmentSize: b.size(),
		Stores: []store.Store{b.opts.Stores[0], b.opts.Stores[1]}, Keys: b.opts.Keys,
	}
}

// segments writes segment files first to last of timeline 1 and returns their names.
func (b *sandbox) segments(t testing.TB, first, last uint64) []string {
	t.Helper()
	var names []string
	for number := first; number <= last; number++ {
		seg := wal.Segment{Timeline: 1, Number: number}
		name := b.size().Name(seg)
		b.put(t, name, makeSegment(b.size(), seg))
		names = append(names, name)
	}
	return names
}

// makeSegment is a segment with a true header and incompressible content.
func makeSegment(size wal.SegmentSize, seg wal.Segment) []byte {
	content := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(seg.Number), byte(seg.Number >> 8), byte(seg.Timeline)})
	_, _ = source.Read(content) // never fails
	binary.LittleEndian.PutUint16(content, 0xD110)
	binary.LittleEndian.PutUint16(content[2:], 0x0002)
	binary.LittleEndian.PutUint32(content[4:], uint32(seg.Timeline))
	binary.LittleEndian.PutUint64(content[8:], uint64(size.Start(seg)))
	binary.LittleEndian.PutUint64(content[24:], uint64(boxSystem))
	binary.LittleEndian.PutUint32(content[32:], uint32(size))
	binary.LittleEndian.PutUint32(content[36:], 8192)
	return content
}
