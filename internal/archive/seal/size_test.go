package seal

import (
	"strings"
	"testing"

	"github.com/terragonlabs/holdfast/internal/keyring"
)

// TestBounds: what compresses best and what does not at all, under the shortest and the
// longest name.
func TestBounds(t *testing.T) {
	t.Parallel()
	recipients, _, _ := testKeys(t)
	for _, mode := range []keyring.Mode{keyring.CFB, keyring.GCM} {
		for _, name := range []string{"x", strings.Repeat("x", maxNameBytes)} {
			for _, size := range []int{0, 1, 64<<10 - 1, 64 << 10, 3<<20 + 17} {
				for what, plain := range map[string][]byte{"zeros": make([]byte, size), "noise": randomBytes(size)} {
					sealed, err := Seal(plain, name, recipients, mode)
					if err != nil {
						t.Fatal(err)
					}
					least, most := Bounds(name, int64(size))
					if got := int64(len(sealed)); got < least || got > most {
						t.Errorf("mode %d: %d bytes of %s under %d letters are %d, not %d to %d", mode, size, what, len(name), got, least, most)
					}
				}
			}
		}
	}
	if _, most := Bounds("x", 1<<20); most > 1<<20+32<<10 {
		t.Errorf("a mebibyte may take %d bytes", most)
	}
}
