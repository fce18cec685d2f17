package seal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"slices"
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
			sealed, err := Seal(plain, "x", recipients, mode)
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

// TestCheckedReader: without the code's sum everything else is still looked at.
func TestCheckedReader(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	plain := randomBytes(100_000)
	sealed, err := Seal(plain, "x", recipients, keyring.CFB)
	if err != nil {
		t.Fatal(err)
	}
	header, err := Header(sealed)
	if err != nil {
		t.Fatal(err)
	}
	key, err := private.SessionKey(t.Context(), "x", header)
	if err != nil {
		t.Fatal(err)
	}
	read := func(object []byte) ([]byte, error) {
		r, err := NewCheckedReader(bytes.NewReader(object), key)
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return nil, err
		}
		return inflate(bytes.NewReader(content), int64(len(plain)))
	}
	if got, err := read(sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("read: %v, equal %v", err, bytes.Equal(got, plain))
	}
	for _, cut := range []int{1, 10, 22, 23, 1000, 50_000} {
		if _, err := read(sealed[:len(sealed)-cut]); !failure.Is(err, failure.Corrupt) {
			t.Errorf("%d bytes short: %v", cut, err)
		}
	}
}

func TestEveryFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		sealed, err := Seal([]byte("a short WAL tail"), "x", recipients, mode)
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
	sealed, err := Seal(make([]byte, 64<<20), "x", recipients, keyring.CFB)
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
		sealed, err := Seal([]byte("seed"), "x", recipients, mode)
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
		if _, err := Seal(plain, "x", recipients, keyring.CFB); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSums seals what does not compress, and takes the sums of what came out:
// beside the encryption, and behind it.
func BenchmarkSums(b *testing.B) {
	recipients, _, _ := testKeys(b)
	key, header, err := recipients.NewSession(keyring.CFB)
	if err != nil {
		b.Fatal(err)
	}
	plain := randomBytes(16 << 20)
	for name, open := range map[string]func(io.Writer) io.Writer{
		"beside": func(w io.Writer) io.Writer { return w },
		"behind": func(w io.Writer) io.Writer { return io.MultiWriter(w) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			for b.Loop() {
				sum := NewTally(io.Discard)
				w, err := NewWriter(open(sum), "x", header, key)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(plain); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				sum.Sums()
			}
		})
	}
}

func BenchmarkOpen16MiB(b *testing.B) {
	recipients, private, _ := testKeys(b)
	plain := randomBytes(16 << 20)
	sealed, err := Seal(plain, "x", recipients, keyring.CFB)
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

// TestTally: the sums are those of what came out, whatever its length and wherever
// they are taken.
func TestTally(t *testing.T) {
	t.Parallel()
	recipients, private, _ := testKeys(t)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		for _, size := range []int{0, 1, 15, 16, 63, 64, 65, cfbBufBytes - prefixBytes - 1, cfbBufBytes, frameBytes - 1, frameBytes, 3*frameBytes + 17, 1<<20 + 1} {
			key, header, err := recipients.NewSession(mode)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			sum := NewTally(&out)
			w, err := NewWriter(sum, "x", header, key)
			if err != nil {
				t.Fatal(err)
			}
			plain := randomBytes(size)
			for piece := range slices.Chunk(plain, 1000) {
				if _, err := w.Write(piece); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			sha, crc := sum.Sums()
			if sha != sha256.Sum256(out.Bytes()) || crc != crc32.Checksum(out.Bytes(), castagnoli) {
				t.Errorf("mode %v, %d bytes: other sums than those of what came out", mode, size)
			}
			again, err := private.SessionKey(t.Context(), "x", header)
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewReader(&out, again)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("mode %v, %d bytes: %d others came back: %v", mode, size, len(got), err)
			}
		}
	}
}

// TestNameIsInside: an object says for which key it was made, to whoever has the
// session key, after its beginning alone; copied anywhere else it says so too.
func TestNameIsInside(t *testing.T) {
	t.Parallel()
	const name = "v1/bookings/wal/7711166801199624188/00000001/000000010000000000000001-00112233445566778899aabbccddeeff.zst.pgp"
	const other = "v1/ledger00/wal/7711166801199624188/00000001/000000010000000000000001-00112233445566778899aabbccddeeff.zst.pgp"
	recipients, private, _ := testKeys(t)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		for _, size := range []int{0, 1 << 20} {
			sealed, err := Seal(randomBytes(size), name, recipients, mode)
			if err != nil {
				t.Fatal(err)
			}
			header, err := Header(sealed)
			if err != nil {
				t.Fatal(err)
			}
			key, err := private.SessionKey(t.Context(), name, header)
			if err != nil {
				t.Fatal(err)
			}
			beginning := sealed[:min(int64(len(sealed)), BeginningBytes(mode))]
			if err := CheckName(beginning, name, key); err != nil {
				t.Errorf("mode %d, %d bytes: %v", mode, size, err)
			}
			if err := CheckName(beginning, other, key); !failure.Is(err, failure.IdentityMismatch) {
				t.Errorf("another place: %v", err)
			}
			if _, err := Open(t.Context(), sealed, other, private, 1<<21); !failure.Is(err, failure.IdentityMismatch) {
				t.Errorf("opened in another place: %v", err)
			}
			answer := ""
			// Whoever knows the name can turn one block into another's: the next one tells.
			for at := len(header); mode == keyring.CFB && at < len(header)+160; at++ {
				forged := bytes.Clone(beginning)
				for i := 0; i < blockBytes && at+i < len(forged); i++ {
					forged[at+i] ^= name[i] ^ other[i]
				}
				if bytes.Equal(forged, beginning) {
					continue
				}
				err := CheckName(forged, other, key)
				if err == nil {
					t.Fatalf("a name forged by changing ciphertext from byte %d on is believed", at)
				}
				if refusal := err.Error(); answer == "" {
					answer = refusal
				} else if refusal != answer {
					t.Fatalf("the answer tells what was decrypted: %q, then %q", answer, refusal)
				}
			}
		}
	}
}
