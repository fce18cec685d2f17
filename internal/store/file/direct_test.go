package file

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Bodies of every alignment come back whole, from the start and from the middle.
func TestLargeBodiesOfAnyLength(t *testing.T) {
	t.Parallel()
	s, err := Open(Config{Name: "disk", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	data := make([]byte, directBytes+2<<20)
	rand.NewChaCha8([32]byte{1}).Read(data) //nolint:errcheck // documented never to fail
	for _, size := range []int{directBytes - 1, directBytes, directBytes + 1, directBytes + alignment - 1, directBytes + 1<<20, len(data) - 17} {
		key, body := filepath.Base(t.TempDir()), data[:size]
		if _, err := s.Put(t.Context(), key, bytes.NewReader(body), store.PutOptions{SizeBytes: int64(size), SHA256: store.DigestOf(body)}); err != nil {
			t.Fatal(err)
		}
		for _, offset := range []int{0, 1, alignment, 5000} {
			opts := store.GetOptions{Offset: int64(offset), LengthBytes: int64(size - offset)}
			if got := readAll(t, s, key, opts); !bytes.Equal(got, body[offset:]) {
				t.Errorf("%d bytes from %d: read %d others", size, offset, len(got))
			}
		}
		if got := readAll(t, s, key, store.GetOptions{LengthBytes: directBytes - 2}); !bytes.Equal(got, body[:directBytes-2]) {
			t.Errorf("%d bytes: another beginning", size)
		}
	}
}

// inMemory is a body in two stretches, the second of which may be missing.
type inMemory struct {
	*bytes.Reader
	data       []byte
	cut, whole int
}

func (m inMemory) BytesAt(offset int64) []byte {
	if offset < int64(m.cut) {
		return m.data[offset:m.cut]
	}
	return m.data[offset:m.whole]
}

func TestBodiesInMemory(t *testing.T) {
	t.Parallel()
	s, err := Open(Config{Name: "disk", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	data := alignedBuffer(directBytes + 5)
	rand.NewChaCha8([32]byte{2}).Read(data) //nolint:errcheck // documented never to fail
	body := inMemory{Reader: bytes.NewReader(data), data: data, cut: directBytes, whole: len(data)}
	if _, err := s.Put(t.Context(), "whole", body, store.Describe(data)); err != nil {
		t.Fatal(err)
	}
	if got := readAll(t, s, "whole", store.GetOptions{LengthBytes: int64(len(data))}); !bytes.Equal(got, data) {
		t.Error("other bytes came back")
	}
	body.whole = body.cut
	if _, err := s.Put(t.Context(), "short", body, store.Describe(data)); !failure.Is(err, failure.Corrupt) {
		t.Errorf("a body that ends early: %v", err)
	}
}

func readAll(t *testing.T, s *Store, key string, opts store.GetOptions) []byte {
	t.Helper()
	body, _, err := s.Get(t.Context(), key, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = body.Close() }()
	into := alignedBuffer(opts.LengthBytes + alignment)
	n, err := io.ReadFull(body, into)
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(n, err)
	}
	return into[:n]
}

// A file system that cannot go past the cache refuses a new file it has made
// already. What is opened then is used through the cache.
func TestFileSystemThatCannotGoPastTheCache(t *testing.T) {
	t.Parallel()
	if directFlag == 0 {
		t.Log("nothing goes past the cache on this system: only the way through it is looked at")
	}
	name := filepath.Join(t.TempDir(), "new")
	asked := []int{}
	f, err := openDirect(func(flag int) (*os.File, error) {
		asked = append(asked, flag)
		if flag != 0 {
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return nil, &os.PathError{Op: "openat", Path: name, Err: syscall.EINVAL}
		}
		_ = os.Remove(name)
		return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	}, directBytes)
	if err != nil || f.direct || asked[len(asked)-1] != 0 {
		t.Fatalf("%+v, asked %v: %v", f, asked, err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt([]byte("odd"), 1); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 4)
	if n, err := f.ReadAt(got, 0); n != 4 || err != nil || string(got) != "\x00odd" {
		t.Errorf("%q %d %v", got, n, err)
	}
}
