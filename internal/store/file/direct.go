package file

import (
	"errors"
	"os"
	"syscall"
	"unsafe"
)

// Large bodies go past the page cache, where the file system can: a backup or a
// restore uses each byte once, and should neither pay for keeping it nor push out
// what the database on this host keeps there.
const (
	// directBytes is the size from which bodies do. Smaller ones are WAL, wanted soon.
	directBytes = 8 << 20
	// alignment of memory, offset and length that every disk accepts (open(2), O_DIRECT).
	alignment = 4096
)

// alignedBuffer returns n bytes that begin at a multiple of alignment.
func alignedBuffer(n int64) []byte {
	buf := make([]byte, n+alignment)
	skip := alignment - int64(uintptr(unsafe.Pointer(unsafe.SliceData(buf)))%alignment)
	return buf[skip : skip+n]
}

// aligned says whether a transfer can go past the page cache.
func aligned(p []byte, offset int64) bool {
	return len(p) >= alignment && len(p)%alignment == 0 && offset%alignment == 0 &&
		uintptr(unsafe.Pointer(unsafe.SliceData(p)))%alignment == 0
}

// directFile is a file whose aligned transfers go past the page cache. The first
// that cannot, or that the file system refuses, ends that.
type directFile struct {
	*os.File
	direct bool
}

// openDirect opens a file for transfers past the page cache if it can, and else with
// flag 0. A file system that cannot refuses only after it has made a new file.
func openDirect(open func(flag int) (*os.File, error), sizeBytes int64) (*directFile, error) {
	if directFlag != 0 && sizeBytes >= directBytes {
		file, err := open(directFlag)
		if !errors.Is(err, syscall.EINVAL) {
			return &directFile{File: file, direct: err == nil}, err
		}
	}
	file, err := open(0)
	return &directFile{File: file}, err
}

// WriteAt is os.File's.
func (f *directFile) WriteAt(p []byte, offset int64) (int, error) {
	if !f.direct {
		return f.File.WriteAt(p, offset)
	}
	if aligned(p, offset) {
		n, err := f.File.WriteAt(p, offset)
		if !errors.Is(err, syscall.EINVAL) || n > 0 {
			return n, err
		}
	}
	if err := f.useCache(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, offset)
}

// ReadAt is os.File's, but may stop before a length that is not aligned.
func (f *directFile) ReadAt(p []byte, offset int64) (int, error) {
	if !f.direct {
		return f.File.ReadAt(p, offset)
	}
	if whole := p[:len(p)&^(alignment-1)]; aligned(whole, offset) {
		n, err := readOnce(f.File, whole, offset)
		if !errors.Is(err, syscall.EINVAL) {
			return n, err
		}
	}
	if err := f.useCache(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, offset)
}
