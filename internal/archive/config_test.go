package archive

import "testing"

// Parts grow with what is backed up, so that a descriptor stays far below its limit.
func TestSizeOfParts(t *testing.T) {
	t.Parallel()
	const tib = int64(1) << 40
	for total, want := range map[int64]int64{
		0: 32 << 20, 1 << 30: 32 << 20, 4 * tib: 32 << 20, 4*tib + 1: 64 << 20, 9 * tib: 128 << 20, 1000 * tib: maxPartBytes,
	} {
		if got := usualPartBytes(total); got != want {
			t.Errorf("%d bytes: parts of %d, want %d", total, got, want)
		}
	}
}
