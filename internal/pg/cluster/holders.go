package cluster

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// holders are the processes whose working directory is a given directory.
type holders struct {
	pids   []int // ascending
	blind  bool  // there is no list of processes
	hidden []int // servers' processes of the directory's owner that cannot be looked at, or that nobody can name
}

func (h holders) has(pid int) bool { return slices.Contains(h.pids, pid) }

// holdersOf asks the kernel, by device and inode: the directory may have been
// renamed since the server started. A postmaster and its children all work in
// their data directory (src/backend/utils/init/miscinit.c, ChangeToDataDir).
// Kernel threads and foreign users' processes cannot be PostgreSQL's here and
// are passed over.
func holdersOf(dir string) (holders, error) {
	want, err := os.Stat(dir)
	if err != nil {
		return holders{}, pg.ClassifyFile(err, "look for processes in %s", dir)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return holders{blind: true}, nil //nolint:nilerr // no /proc: nothing can be proved here
	}
	var found holders
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		found.look(pid, want)
	}
	slices.Sort(found.pids)
	return found, nil
}

// look notes pid if it works in want, or hides where it works and may be a server.
// One that is just being started under another user hides until its program runs,
// and shows its owner from then on: it is looked at once more.
func (h *holders) look(pid int, want os.FileInfo) {
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	cwd, err := os.Stat(filepath.Join(proc, "cwd"))
	if os.IsPermission(err) && sameOwner(proc, want) {
		cwd, err = os.Stat(filepath.Join(proc, "cwd"))
	}
	switch {
	case err == nil && os.SameFile(cwd, want):
		h.pids = append(h.pids, pid)
	case os.IsPermission(err) && sameOwner(proc, want) && maybeServer(proc):
		h.hidden = append(h.hidden, pid)
	}
}

// maybeServer reports whether a process that hides its directory can be PostgreSQL,
// by the name of its program, which everybody may read: an agent that keeps keys,
// such as gpg-agent, hides everything else, and holds no recovery up.
func maybeServer(proc string) bool {
	name, err := pg.ReadSmall(filepath.Join(proc, "comm"), 64)
	if err != nil {
		return !failure.Is(err, failure.NotFound) // gone meanwhile, or not to be known
	}
	return strings.Contains(string(name), "postgres") || strings.Contains(string(name), "postmaster")
}

func sameOwner(proc string, want os.FileInfo) bool {
	info, err := os.Stat(proc)
	if err != nil {
		return false // it ended meanwhile
	}
	process, ok := info.Sys().(*syscall.Stat_t)
	directory, also := want.Sys().(*syscall.Stat_t)
	return ok && also && process.Uid == directory.Uid
}
