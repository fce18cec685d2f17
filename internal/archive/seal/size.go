package seal

import "github.com/terragonlabs/holdfast/internal/keyring"

const (
	// leastAroundBytes is less than the key headers of two recipients and the heads,
	// random prefix and integrity code of packets take together.
	leastAroundBytes = 192
	// mostAroundBytes is more than all of a message but its content can take.
	mostAroundBytes = keyring.MaxHeaderBytes + 4<<10
	// growthShift: partial bodies, authentication tags and blocks that do not compress
	// add less than a thousandth.
	growthShift = 10
)

// Bounds returns the least and most bytes that what Seal makes under name of up to
// maxPlainBytes can have, in either mode. A reader who bounds what it reads by them
// refuses nothing that was sealed, and takes no more than that of what was not.
func Bounds(name string, maxPlainBytes int64) (least, most int64) {
	return leastAroundBytes + int64(len(name)), mostAroundBytes + maxPlainBytes + maxPlainBytes>>growthShift
}
