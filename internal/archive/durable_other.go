//go:build !linux

package archive

import (
	"errors"
	"io/fs"
	"os"
)

func reportsFailedWrites(*os.File) bool { return false }

func syncFileSystem(*os.File) error { return errors.ErrUnsupported }

func deviceOf(fs.FileInfo) (device uint64, known bool) { return 0, false }
