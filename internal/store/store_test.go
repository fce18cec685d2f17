package store_test

import (
	"bytes"
	"errors"
	"io"
	"path"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/store"
)

// A key that passes is a clean relative path, and stays below any directory.
func FuzzCheckKey(f *testing.F) {
	for _, seed := range []string{"", "a", "a/b", "/a", "a//b", "../a", "a/..", "a/./b", "\x00", "é", "\xff", strings.Repeat("x", 241)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, key string) {
		err := store.CheckKey(key)
		if err != nil {
			if !failure.Is(err, failure.InvalidInput) {
				t.Errorf("%q: class %s", key, failure.ClassOf(err))
			}
			return
		}
		if path.Clean(key) != key || path.IsAbs(key) || !utf8.ValidString(key) || len(key) > store.MaxKeyBytes {
			t.Errorf("%q passed", key)
		}
		if joined := path.Join("/root", key); !strings.HasPrefix(joined, "/root/") {
			t.Errorf("%q leaves its directory", key)
		}
	})
}

func TestCheckPrefix(t *testing.T) {
	t.Parallel()
	for prefix, ok := range map[string]bool{"": true, "a": true, "a/": true, "a/b": true, "/a": false, "a//b": false, "a\n": false} {
		if err := store.CheckPrefix(prefix); (err == nil) != ok {
			t.Errorf("%q: %v", prefix, err)
		}
	}
}

// Any change of the bytes, at any place, ends in Corrupt, however the bytes arrive.
func TestVerifiedFindsAnyDamage(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(t, "data")
		obj := store.Object{Key: "k", SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)}
		damaged := bytes.Clone(data)
		switch kind := rapid.IntRange(0, 3).Draw(t, "damage"); {
		case kind == 0:
		case kind == 1:
			damaged = append(damaged, 0)
		case len(data) == 0:
		case kind == 2:
			damaged = damaged[:len(data)-1]
		default:
			damaged[rapid.IntRange(0, len(data)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		var source io.Reader = bytes.NewReader(damaged)
		if rapid.Bool().Draw(t, "one byte at a time") {
			source = iotest.OneByteReader(source)
		}
		if rapid.Bool().Draw(t, "error with the data") {
			source = iotest.DataErrReader(source)
		}
		r := store.Verified(io.NopCloser(source), obj)
		got, err := io.ReadAll(r)
		whole := bytes.Equal(damaged, data)
		if whole && (err != nil || !bytes.Equal(got, data)) {
			t.Errorf("whole object: %v", err)
		}
		if !whole && !failure.Is(err, failure.Corrupt) {
			t.Errorf("damaged object: %v", err)
		}
		if _, again := r.Read(make([]byte, 1)); err != nil && !errors.Is(again, err) {
			t.Errorf("the verdict changed from %v to %v", err, again)
		}
	})
}

func TestInOrder(t *testing.T) {
	t.Parallel()
	listing := func(yield func(store.Object, error) bool) {
		for _, key := range []string{"a", "b", "b", "a", "c"} {
			if !yield(store.Object{Key: key}, nil) {
				return
			}
		}
	}
	var seen []string
	var last error
	for obj, err := range store.InOrder(listing) {
		seen, last = append(seen, obj.Key), err
	}
	if len(seen) != 4 || !failure.Is(last, failure.Unknown) {
		t.Errorf("saw %q, then %v", seen, last)
	}
}
