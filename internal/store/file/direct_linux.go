package file

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

const directFlag = unix.O_DIRECT

// useCache lets further transfers go through the page cache.
func (f *directFile) useCache() error {
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags&^unix.O_DIRECT)
	}
	f.direct = false
	return os.NewSyscallError("fcntl", err)
}

// readOnce reads with one call: at the end of a file the rest is no longer aligned,
// and os.File.ReadAt would ask for it.
func readOnce(file *os.File, p []byte, offset int64) (int, error) {
	for {
		n, err := unix.Pread(int(file.Fd()), p, offset)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, os.NewSyscallError("pread", err)
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
