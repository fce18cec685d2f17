package archive

import (
	"errors"
	"os"
)

// durable makes a restore's files survive a power cut. Syncing files one by one
// costs a journal commit each, and starts when everything is written; a file
// system is synced with one call, and its disk is busy while the rest is decoded.
//
// A file system that is not known to report failed writes to that call, and every
// file that lies on another one (a mount point inside the target), is synced file
// by file.
type durable struct {
	device uint64   // of the root directory
	handle *os.File // opened before the first write, so that it learns of every failed one; nil: file by file
}

// newDurable is called before anything is written below root.
func newDurable(root *os.Root) (durable, error) {
	handle, err := root.Open(".")
	if err != nil {
		return durable{}, err
	}
	if !reportsFailedWrites(handle) {
		return durable{}, handle.Close()
	}
	info, err := handle.Stat()
	if err != nil {
		return durable{}, errors.Join(err, handle.Close())
	}
	device, known := deviceOf(info)
	if !known {
		return durable{}, handle.Close()
	}
	return durable{device: device, handle: handle}, nil
}

// covers reports whether all makes the file durable.
func (d durable) covers(info os.FileInfo) bool {
	device, known := deviceOf(info)
	return d.handle != nil && known && device == d.device
}

// all returns when everything written so far is on disk.
func (d durable) all() error {
	if d.handle == nil {
		return nil
	}
	return syncFileSystem(d.handle)
}

func (d durable) close() {
	if d.handle != nil {
		_ = d.handle.Close() // a directory handle
	}
}
