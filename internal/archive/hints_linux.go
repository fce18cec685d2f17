package archive

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback lets the disk begin with what was just written. It is a hint: the
// sync that follows reports whether it was done.
func startWriteback(file *os.File, offset, sizeBytes int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, sizeBytes, unix.SYNC_FILE_RANGE_WRITE)
}

// startReading lets the disk begin with what will be read next. It is a hint: the
// kernel's own reading ahead is lost on a file that several workers read at once.
func startReading(file *os.File, offset, sizeBytes int64) {
	_ = unix.Fadvise(int(file.Fd()), offset, sizeBytes, unix.FADV_WILLNEED)
}
