package store

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Sent looks at a body's bytes on their way into a store: they must be those that
// the caller announced. It takes the checksum that is the cheapest of those given;
// what a store records, and what every reader compares with, is the SHA-256.
type Sent struct {
	opts PutOptions
	sum  hash.Hash // nil: crc serves
	crc  uint32
}

// NewSent begins a body.
func NewSent(opts PutOptions) *Sent {
	s := &Sent{opts: opts}
	if opts.CRC32C == nil {
		s.sum = sha256.New()
	}
	return s
}

// Write implements io.Writer; it never fails.
func (s *Sent) Write(p []byte) (int, error) {
	if s.sum != nil {
		return s.sum.Write(p)
	}
	s.crc = crc32.Update(s.crc, Castagnoli(), p)
	return len(p), nil
}

// Verdict is failure.Corrupt unless exactly the announced body was written.
func (s *Sent) Verdict() error {
	if s.sum == nil {
		if s.crc != *s.opts.CRC32C {
			return failure.New(failure.Corrupt, "body has CRC32C %08x, %08x was announced", s.crc, *s.opts.CRC32C)
		}
		return nil
	}
	if got := Digest(s.sum.Sum(nil)); got != s.opts.SHA256 {
		return failure.New(failure.Corrupt, "body has SHA-256 %s, %s was announced", got, s.opts.SHA256)
	}
	return nil
}

// Describe returns what Put wants to know of a body in memory: its size and both
// checksums.
func Describe(body []byte) PutOptions {
	sum := crc32.Checksum(body, Castagnoli())
	return PutOptions{SizeBytes: int64(len(body)), SHA256: DigestOf(body), CRC32C: &sum}
}

// Castagnoli is CRC32C's table, made once by the library.
func Castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
