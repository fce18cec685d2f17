package seal

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
)

func testKeys(t testing.TB) (keyring.Recipients, *keyring.Private, keyring.PrivateKey) {
	t.Helper()
	var private []keyring.PrivateKey
	for _, name := range []string{"online", "offline"} {
		key, err := keyring.Generate(name, name+"@example.org")
		if err != nil {
			t.Fatal(err)
		}
		private = append(private, key)
	}
	recipients, err := keyring.NewRecipients(private[0].Public(), private[1].Public())
	if err != nil {
		t.Fatal(err)
	}
	return recipients, keyring.NewPrivate(private[1]), private[0]
}

func randomBytes(n int) []byte {
	data := make([]byte, n)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(data)
	return data
}

func TestSealOpenSizes(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	sizes := []int{0, 1, 15, 16, 17, 511, 32<<10 - 18, 32 << 10, 64<<10 - 7, 64<<10 - 6, 64 << 10, 64<<10 + 1, 200_000, 1 << 20}
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		for _, size := range sizes {
			plain := randomBytes(size)
			sealed, err := Seal(plain, recipients, mode)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Open(context.Background(), sealed, "x", private, int64(size))
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("mode %d size %d: %v, equal %v", mode, size, err, bytes.Equal(got, plain))
			}
		}
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		sealed, err := Seal([]byte("a short WAL tail"), recipients, mode)
		if err != nil {
			t.Fatal(err)
		}
		header, err := Header(sealed)
		if err != nil {
			t.Fatal(err)
		}
		for at := range sealed {
			bad := bytes.Clone(sealed)
			bad[at] ^= 0x41
			plain, err := Open(context.Background(), bad, "x", private, 1<<20)
			// A flip in the header's packet for another recipient opens nothing less.
			if err == nil && (at >= len(header) || string(plain) != "a short WAL tail") {
				t.Fatalf("mode %d: flip at %d went unseen", mode, at)
			}
		}
		for cut := range len(sealed) {
			if _, err := Open(context.Background(), sealed[:cut], "x", private, 1<<20); err == nil {
				t.Fatalf("mode %d: cut at %d went unseen", mode, cut)
			}
		}
	}
}

func TestBombAndStrangersAreRefused(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	sealed, err := Seal(make([]byte, 64<<20), recipients, keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(context.Background(), sealed, "x", private, 16<<20); !failure.Is(err, failure.Corrupt) {
		t.Fatalf("bomb of %d bytes: %v", len(sealed), err)
	}
	_, stranger, _ := testKeys(t)
	if _, err := Open(context.Background(), sealed, "x", stranger, 64<<20); !failure.Is(err, failure.Forbidden) {
		t.Fatalf("stranger: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	recipients, private, _ := testKeys(f)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		sealed, err := Seal([]byte("seed"), recipients, mode)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if plain, err := Open(context.Background(), data, "x", private, 1<<20); err == nil && string(plain) != "seed" {
			t.Fatalf("opened forged content %q", plain)
		}
	})
}

func BenchmarkSeal16MiB(b *testing.B) {
	recipients, _, _ := testKeys(b)
	plain := randomBytes(16 << 20)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := Seal(plain, recipients, keyring.CFB); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpen16MiB(b *testing.B) {
	recipients, private, _ := testKeys(b)
	plain := randomBytes(16 << 20)
	sealed, err := Seal(plain, recipients, keyring.CFB)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		if _, err := Open(context.Background(), sealed, "x", private, 16<<20); err != nil {
			b.Fatal(err)
		}
	}
}
