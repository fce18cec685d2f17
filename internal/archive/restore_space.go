package archive

import (
	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// checkSpace refuses a restore that cannot fit. Only a restore to an empty target
// can be judged: a delta writes over what is there.
func (r *restore) checkSpace(empty bool) error {
	if !empty {
		return nil
	}
	need := map[string]int64{}
	for _, entry := range r.entries {
		root, _ := r.target.resolve(entry.Path)
		need[root.Name()] += entry.SizeBytes
	}
	// Two roots on one file system share its space.
	type fileSystem struct{ needed, free int64 }
	systems := map[unix.Fsid]fileSystem{}
	for dir, bytes := range need {
		var stat unix.Statfs_t
		if err := unix.Statfs(dir, &stat); err != nil {
			return failure.Wrap(classOfFile(err), err, "look at free space of %s", dir)
		}
		sum := systems[stat.Fsid]
		sum.needed += bytes
		sum.free = int64(stat.Bavail) * stat.Bsize //nolint:gosec // no file system has 2^63 bytes
		systems[stat.Fsid] = sum
		if sum.needed > sum.free {
			return failure.New(failure.InsufficientSpace, "%s has %d bytes free, the set needs %d", dir, sum.free, sum.needed).
				WithHint("free %d bytes or choose another target", sum.needed-sum.free)
		}
	}
	return nil
}
