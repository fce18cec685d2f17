package seal

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"
	"io"
)

// Tally passes bytes on and takes their SHA-256 and CRC32C (Castagnoli). A Writer
// that writes to one takes the SHA-256 beside its encryption; see cfbWriter.
type Tally struct {
	out  io.Writer
	sha  hash.Hash
	crc  uint32
	done int64  // bytes in sha
	late []byte // passed on, and not in sha yet
	buf  []byte // what late is part of
}

// NewTally begins at nothing.
func NewTally(out io.Writer) *Tally { return &Tally{out: out, sha: sha256.New()} }

// Write implements io.Writer.
func (t *Tally) Write(p []byte) (int, error) {
	t.take(len(t.late))
	n, err := t.out.Write(p)
	t.crc = crc32.Update(t.crc, castagnoli, p[:n])
	t.buf = append(t.buf[:0], p[:n]...)
	t.late = t.buf
	return n, err
}

// step takes what was passed on into the SHA-256 as far as its next whole block: what
// is left of a block costs a copy. nil has nothing to do.
func (t *Tally) step() {
	if t != nil && len(t.late) > 0 {
		t.take(sha256.BlockSize - int(t.done%sha256.BlockSize))
	}
}

func (t *Tally) take(n int) {
	n = min(n, len(t.late))
	t.sha.Write(t.late[:n])
	t.late, t.done = t.late[n:], t.done+int64(n)
}

// Sums are those of everything that was written.
func (t *Tally) Sums() (sha [sha256.Size]byte, crc uint32) {
	t.take(len(t.late))
	t.sha.Sum(sha[:0])
	return sha, t.crc
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli) //nolint:gochecknoglobals // the library's own, made once
