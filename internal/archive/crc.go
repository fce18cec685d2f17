package archive

import "hash/crc32"

// crc32c is PostgreSQL's backup_manifest checksum. Slices are read in parallel,
// so each slice has its own and a file's is combined from them: at 25 GB/s it
// costs nothing beside the slice's SHA-256, where a second SHA-256 for each file
// would cost as much as the first.
func crc32c(data []byte) uint32 { return crc32.Checksum(data, castagnoli()) }

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) } // cached by the library

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

// zeroCRC returns the checksum of n zero bytes.
func zeroCRC(n int64) uint32 {
	crc, block := uint32(0), make([]byte, 64<<10)
	for n > 0 {
		step := min(n, int64(len(block)))
		crc = crc32.Update(crc, castagnoli(), block[:step])
		n -= step
	}
	return crc
}
