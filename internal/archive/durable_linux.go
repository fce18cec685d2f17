package archive

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// reportsFailedWrites reports whether syncfs tells of writes that failed, which
// it does from Linux 5.8 on (syncfs(2)).
func reportsFailedWrites() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	return atLeast(unix.ByteSliceToString(name.Release[:]), 5, 8)
}

// atLeast compares the first two numbers of a kernel's release, such as 6.1.0-18-amd64.
func atLeast(release string, major, minor int) bool {
	numbers := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(numbers) < 2 {
		return false
	}
	first, err := strconv.Atoi(numbers[0])
	if err != nil {
		return false
	}
	second, err := strconv.Atoi(numbers[1])
	return err == nil && (first > major || first == major && second >= minor)
}

func syncFileSystem(handle *os.File) error {
	return os.NewSyscallError("syncfs", unix.Syncfs(int(handle.Fd())))
}

// startWriteback lets the disk begin with what was just written. It is a hint: the
// sync that follows reports whether it was done.
func startWriteback(file *os.File, offset, sizeBytes int64) {
	_ = unix.SyncFileRange(int(file.Fd()), offset, sizeBytes, unix.SYNC_FILE_RANGE_WRITE)
}

func deviceOf(info fs.FileInfo) (device uint64, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return stat.Dev, true
}
