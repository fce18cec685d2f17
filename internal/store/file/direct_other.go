//go:build !linux

package file

import (
	"errors"
	"os"
)

const directFlag = 0

func (f *directFile) useCache() error { return nil }

func readOnce(*os.File, []byte, int64) (int, error) { return 0, errors.ErrUnsupported }
