package damage

import (
	"bytes"
	"io"
	"time"

	"github.com/terragonlabs/holdfast/internal/pg/page"
)

// readings is how often a failing page is read again, and pause how long
// PostgreSQL gets between two readings to finish writing it.
const (
	readings = 6
	pause    = 5 * time.Millisecond
)

// Settle reads a page that failed its check again until it is right or two
// readings agree that it is wrong. The zero verdict means that it kept
// changing, or is gone. content holds the last reading afterwards.
func Settle(file io.ReaderAt, offset int64, content []byte, block uint32) page.Verdict {
	again := make([]byte, page.Size)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for range readings {
		<-timer.C
		if _, err := file.ReadAt(again, offset); err != nil {
			return 0
		}
		verdict := page.Check(again, block)
		same := bytes.Equal(again, content)
		copy(content, again)
		if verdict != page.Bad || same {
			return verdict
		}
		timer.Reset(pause)
	}
	return 0
}
