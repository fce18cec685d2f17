package walship

import (
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// checkPeer lets in root, the daemon's own user, and the owner of the data
// directory, which is whom PostgreSQL runs as. The socket's mode says the same;
// this also holds when somebody loosened it.
func checkPeer(connection *net.UnixConn, dataDir string) error {
	raw, err := connection.SyscallConn()
	if err != nil {
		return failure.Wrap(failure.Unknown, err, "look at the caller")
	}
	var caller *unix.Ucred
	var inner error
	err = raw.Control(func(descriptor uintptr) {
		caller, inner = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err != nil || inner != nil {
		return failure.New(failure.Forbidden, "the caller's user is unknown")
	}
	if caller.Uid == 0 || int(caller.Uid) == os.Geteuid() {
		return nil
	}
	info, err := os.Stat(dataDir)
	if err != nil {
		return classFile(err, "look at %s", dataDir)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid == caller.Uid {
		return nil
	}
	return failure.New(failure.Forbidden, "user %d may not ask for WAL of %s", caller.Uid, dataDir).
		WithHint("call as the owner of the data directory")
}
