package basebackup

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/archive"
	"github.com/terragonlabs/holdfast/internal/pg/damage"
	"github.com/terragonlabs/holdfast/internal/pg/page"
)

// inspector verifies page checksums of slices while they are in memory.
type inspector struct {
	root          string
	blocksPerFile int
}

// inspect reports bad pages. A page torn by a concurrent write is settled by
// reading it again; that the set keeps the torn copy is right, since recovery
// writes the page whole from WAL.
func (i inspector) inspect(path string, offsetBytes int64, data []byte) []archive.Damage {
	relation, ok := page.ParsePath(path)
	if !ok || offsetBytes%page.Size != 0 {
		return nil
	}
	var found []archive.Damage
	for at := 0; at+page.Size <= len(data); at += page.Size {
		offset := offsetBytes + int64(at)
		block := relation.FirstBlock(i.blocksPerFile) + uint32(offset/page.Size)
		if page.Check(data[at:at+page.Size], block) == page.Bad && i.isBad(path, offset, data[at:at+page.Size], block) {
			found = append(found, archive.Damage{Path: path, OffsetBytes: offset, Detail: fmt.Sprintf("block %d: wrong page checksum", block)})
		}
	}
	return found
}

func (i inspector) isBad(path string, offset int64, content []byte, block uint32) bool {
	file, err := os.Open(filepath.Join(i.root, filepath.FromSlash(path)))
	if err != nil {
		return false // dropped meanwhile: recovery drops it too
	}
	defer func() { _ = file.Close() }() // only read
	last := append([]byte(nil), content...)
	return damage.Settle(file, offset, last, block) == page.Bad
}
