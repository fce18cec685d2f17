package wire

import (
	"runtime/debug"
	"syscall"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Exit codes of fetch, as PostgreSQL reads them: 1 is the normal end of the
// archive, and above 125 recovery aborts instead of ending early and opening
// the database short of what exists (PostgreSQL documentation, restore_command;
// xlogarchive.c, RestoreArchivedFile). 143 would be read as a shutdown, so the
// code stays clear of 128 plus any signal.
const (
	FetchNotThere = 1
	FetchAbort    = 200
)

// Guard runs one call and turns a panic into a failure: the runtime's own exit
// code for a crash, 2, would tell restore_command's caller that the archive ends.
func Guard(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = failure.New(failure.Internal, "crashed: %v", cause)
		}
	}()
	return do()
}

// AbortOnCrash makes a crash that no Guard sees, such as a panic beside the call or
// memory that ran out, end the process by SIGABRT, at which recovery aborts. No core is
// left: it would lie in the data directory, with session keys in it.
func AbortOnCrash() {
	debug.SetTraceback("crash")
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}) // lowering one's own limit is always allowed
}

// PushExit is the exit code of push: 0 archived, anything else below 126 means
// that PostgreSQL keeps the segment and tries again (pgarch.c kills the archiver
// above that).
func PushExit(err error) int {
	if err == nil {
		return 0
	}
	return failure.ClassOf(err).ExitCode()
}

// FetchExit is the exit code of fetch. Only a definite NotFound is the end of
// the archive; what is unknown, unreachable or damaged aborts (L29).
func FetchExit(err error) int {
	switch {
	case err == nil:
		return 0
	case failure.ClassOf(err) == failure.NotFound:
		return FetchNotThere
	default:
		return FetchAbort
	}
}
