package stack

import (
	"os"
	"os/user"
	"strconv"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// account is who the servers run as.
type account struct {
	pg.Owner
	name string
}

// unprivileged returns this process's user, or, as root, nobody: PostgreSQL and
// PgBouncer refuse root, and nobody owns nothing a mistake could damage.
func unprivileged() (account, error) {
	var found *user.User
	var err error
	if os.Geteuid() == 0 {
		found, err = user.Lookup("nobody")
	} else {
		found, err = user.Current()
	}
	if err != nil {
		return account{}, failure.Wrap(failure.NotFound, err, "find the user to run servers as")
	}
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	if err != nil {
		return account{}, failure.Wrap(failure.Internal, err, "read uid of %s", found.Username)
	}
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	if err != nil {
		return account{}, failure.Wrap(failure.Internal, err, "read gid of %s", found.Username)
	}
	return account{pg.Owner{UID: uint32(uid), GID: uint32(gid)}, found.Username}, nil
}
