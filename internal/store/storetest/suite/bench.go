package suite

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/terragonlabs/holdfast/internal/store"
)

// partBytes is the size of a backup's parts.
const partBytes = 64 << 20

// BenchmarkPut puts parts of 64 MiB and deletes each outside the clock.
func BenchmarkPut(b *testing.B, s store.Store) {
	b.Helper()
	data := part()
	opts := optionsFor(data)
	b.SetBytes(partBytes)
	for i := 0; b.Loop(); i++ {
		obj, err := s.Put(b.Context(), fmt.Sprintf("bench/%d", i), bytes.NewReader(data), opts)
		b.StopTimer()
		if err == nil {
			err = s.Delete(b.Context(), obj.Key, obj.Version)
		}
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkGet reads one part of 64 MiB, verified, again and again.
func BenchmarkGet(b *testing.B, s store.Store) {
	b.Helper()
	data := part()
	obj, err := s.Put(b.Context(), "bench/part", bytes.NewReader(data), optionsFor(data))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(partBytes)
	for b.Loop() {
		r, _, err := s.Get(b.Context(), obj.Key, store.GetOptions{Version: obj.Version})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// part returns the bytes of one part, which do not compress.
func part() []byte {
	data := make([]byte, partBytes)
	rand.NewChaCha8([32]byte{1}).Read(data) //nolint:errcheck // documented never to fail
	return data
}

func optionsFor(data []byte) store.PutOptions {
	return store.PutOptions{SizeBytes: int64(len(data)), SHA256: store.DigestOf(data)}
}
