package archive

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// reportsFailedWrites reports whether syncfs on the root's file system puts
// everything on disk and tells of writes that failed: it does from Linux 5.8 on
// (syncfs(2)), on file systems that write to a disk themselves. Others, stacked ones
// such as overlayfs and those of FUSE and networks, are not relied on.
func reportsFailedWrites(root *os.File) bool {
	var name unix.Utsname
	var system unix.Statfs_t
	if unix.Uname(&name) != nil || unix.Fstatfs(int(root.Fd()), &system) != nil {
		return false
	}
	switch system.Type {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC: // ext2 and ext3 have ext4's number
		return atLeast(unix.ByteSliceToString(name.Release[:]), 5, 8)
	}
	return false
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

func deviceOf(info fs.FileInfo) (device uint64, known bool) {
	stat, known := info.Sys().(*syscall.Stat_t)
	if !known {
		return 0, false
	}
	return stat.Dev, true
}
