package archive

import (
	"crypto/sha256"
	"hash"
	"hash/crc32"

	"github.com/terragonlabs/holdfast/internal/store"
)

// sums takes a content's SHA-256 and CRC32C in one pass, while it is in the
// processor's cache.
//
// CRC32C is PostgreSQL's backup_manifest checksum. Slices are read in parallel, so
// each slice has its own and a file's is combined from them: at 25 GB/s it costs
// nothing beside the slice's SHA-256, where a second SHA-256 for each file would
// cost as much as the first.
type sums struct {
	sha hash.Hash
	crc uint32
}

func newSums() *sums { return &sums{sha: sha256.New()} }

// Write implements io.Writer; it never fails.
func (s *sums) Write(p []byte) (int, error) {
	s.crc = crc32.Update(s.crc, store.Castagnoli(), p)
	return s.sha.Write(p)
}

func (s *sums) reset() {
	s.sha.Reset()
	s.crc = 0
}

func (s *sums) digest() (d store.Digest) {
	s.sha.Sum(d[:0])
	return d
}

// combineCRC returns the checksum of A followed by B from theirs and B's length.
// A checksum is linear over GF(2), so appending n zero bytes to A is a matrix
// power; see zlib's crc32_combine.
func combineCRC(a, b uint32, lengthB int64) uint32 {
	if lengthB == 0 {
		return a
	}
	var operator gf2Matrix
	operator[0] = crc32.Castagnoli // one zero bit
	for i := 1; i < 32; i++ {
		operator[i] = 1 << (i - 1)
	}
	for range 3 { // one zero byte
		operator = operator.square()
	}
	for n := lengthB; n > 0; n >>= 1 {
		if n&1 != 0 {
			a = operator.times(a)
		}
		operator = operator.square()
	}
	return a ^ b
}

// gf2Matrix is a 32×32 bit matrix by columns.
type gf2Matrix [32]uint32

func (m *gf2Matrix) times(vector uint32) uint32 {
	sum := uint32(0)
	for i := 0; vector != 0; i++ {
		if vector&1 != 0 {
			sum ^= m[i]
		}
		vector >>= 1
	}
	return sum
}

func (m *gf2Matrix) square() gf2Matrix {
	var result gf2Matrix
	for i := range m {
		result[i] = m.times(m[i])
	}
	return result
}

// stretch is a run of a file's bytes with its checksum.
type stretch struct {
	offset, sizeBytes int64
	crc               uint32
}

// combineStretches returns the checksum of a file from those of its stretches,
// which are in order; gaps read as zeros.
func combineStretches(stretches []stretch) uint32 {
	crc, at := uint32(0), int64(0)
	for _, s := range stretches {
		if gap := s.offset - at; gap > 0 {
			crc = combineCRC(crc, zeroCRC(gap), gap)
		}
		crc = combineCRC(crc, s.crc, s.sizeBytes)
		at = s.offset + s.sizeBytes
	}
	return crc
}

// zeroCRC returns the checksum of n zero bytes.
func zeroCRC(n int64) uint32 {
	crc, block := uint32(0), make([]byte, 64<<10)
	for n > 0 {
		step := min(n, int64(len(block)))
		crc = crc32.Update(crc, store.Castagnoli(), block[:step])
		n -= step
	}
	return crc
}
