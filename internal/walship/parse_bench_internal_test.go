package walship

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/wal"
)

func BenchmarkParseKey(b *testing.B) {
	p := testPlace()
	seg := wal.Segment{Timeline: 1, Number: 77}
	key := p.fileKey(wal.FileName{Kind: wal.FileSegment, Segment: seg, Timeline: 1}, p.size.Name(seg), []byte("x"))
	for b.Loop() {
		if _, err := p.parse(key); err != nil {
			b.Fatal(err)
		}
	}
}
