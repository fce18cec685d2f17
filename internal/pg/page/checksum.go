package page

import "encoding/binary"

// Size is the block size of nearly every build; others are refused by callers.
const Size = 8192

const (
	lanes = 32
	prime = 16777619 // FNV-1a
)

// baseOffsets seed the 32 lanes; random numbers fixed by PostgreSQL.
func baseOffsets() [lanes]uint32 {
	return [lanes]uint32{
		0x5B1F36E9, 0xB8525960, 0x02AB50AA, 0x1DE66D2A, 0x79FF467A, 0x9BB9F8A3, 0x217E7CD2, 0x83E13D2C,
		0xF8D4474F, 0xE39EB970, 0x42C6AE16, 0x993216FA, 0x7B093B5D, 0x98DAFF3C, 0xF718902A, 0x0B1C9CDB,
		0xE58F764B, 0x187636BC, 0x5D7B3BB1, 0xE73DE7DE, 0x92BEC979, 0xCCA6C0B2, 0x304A0979, 0x85AA43D4,
		0x783125BB, 0x6CA8EAA2, 0xE407EAC6, 0x4B5CFC3E, 0x9FBF8C76, 0x15CA20BE, 0xF2CA9FD3, 0x959BD756,
	}
}

// Checksum returns the checksum of one page of Size bytes at a relation's block
// number, counted across its 1 GiB files. The page's own checksum field counts
// as zero and is not changed.
func Checksum(page []byte, block uint32) uint16 {
	sums := baseOffsets()
	mix(&sums, (*[lanes * 4]byte)(page[:lanes*4]), checksumField)
	for row := lanes * 4; row < Size; row += lanes * 4 {
		mix(&sums, (*[lanes * 4]byte)(page[row:row+lanes*4]), -1)
	}
	var zeros [lanes * 4]byte
	mix(&sums, &zeros, -1)
	mix(&sums, &zeros, -1)
	result := block
	for _, sum := range sums {
		result ^= sum
	}
	return uint16(result%65535 + 1)
}

// The checksum is bytes 8 and 9: the low half of the third word.
const checksumField = 2

func mix(sums *[lanes]uint32, row *[lanes * 4]byte, masked int) {
	for lane := range lanes {
		word := binary.LittleEndian.Uint32(row[lane*4 : lane*4+4])
		if lane == masked {
			word &= 0xFFFF0000
		}
		mixed := sums[lane] ^ word
		sums[lane] = mixed*prime ^ mixed>>17
	}
}

// Verdict is what a page's bytes say.
type Verdict int

// The verdicts.
const (
	Good Verdict = iota + 1
	New          // all zero: allocated, not yet written
	Bad
)

// Check verifies one page of Size bytes of a cluster with checksums.
func Check(page []byte, block uint32) Verdict {
	if binary.LittleEndian.Uint16(page[14:16]) == 0 { // pd_upper: a new page
		if allZero(page) {
			return New
		}
		return Bad
	}
	if binary.LittleEndian.Uint16(page[8:10]) != Checksum(page, block) {
		return Bad
	}
	return Good
}

func allZero(page []byte) bool {
	for i := 0; i+8 <= len(page); i += 8 {
		if binary.LittleEndian.Uint64(page[i:]) != 0 {
			return false
		}
	}
	return true
}
