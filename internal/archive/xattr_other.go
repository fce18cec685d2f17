//go:build !linux

package archive

import (
	"errors"
	"os"

	"github.com/terragonlabs/holdfast/internal/failure"
)

func requireXattrs(names xattrNames) error {
	if len(names) == 0 {
		return nil
	}
	return failure.New(failure.Refused, "extended attributes are kept on Linux only")
}

func readXattrs(*os.File, xattrNames) ([]Xattr, error) { return nil, nil }

func setXattr(*os.File, Xattr) error { return errors.ErrUnsupported }

func removeXattr(*os.File, string) error { return errors.ErrUnsupported }

func cannotHold(err error) bool { return errors.Is(err, errors.ErrUnsupported) }
