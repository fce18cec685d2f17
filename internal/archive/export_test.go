package archive

// GiveXattrs puts attributes into entries of a set that is not committed, as a
// file system that this machine lacks would have.
func (w *Writer) GiveXattrs(path string, xattrs ...Xattr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.entries {
		if r.entry.Path == path {
			r.entry.Xattrs = xattrs
		}
	}
}
