package wire

import "github.com/terragonlabs/holdfast/internal/failure"

// Serve is the verb that is never sent: it starts the daemon.
const Serve Verb = "serve"

// Call is one command line: --config FILE and a verb with its arguments. The
// small binary and the full worker read the same.
type Call struct {
	Config  string
	Request Request
	Args    []string // verb and arguments as given
}

// ParseCall reads a command line without the program's name.
func ParseCall(args []string) (Call, error) {
	var c Call
	if len(args) >= 2 && args[0] == "--config" {
		c.Config, args = args[1], args[2:]
	}
	c.Args = args
	if len(args) > 0 {
		c.Request.Verb = Verb(args[0])
	}
	wanted := map[Verb]int{Push: 2, Fetch: 3, Status: 1, Serve: 1}[c.Request.Verb]
	if c.Config == "" || wanted == 0 || len(args) != wanted {
		return c, failure.Invalid("arguments", "usage: wal --config FILE (push %%p | fetch %%f %%p | status | serve)")
	}
	switch c.Request.Verb {
	case Push:
		c.Request.Path = args[1]
	case Fetch:
		c.Request.Name, c.Request.Path = args[1], args[2]
	case Status, Serve:
	}
	return c, nil
}

// Exit is the process exit code for the call's outcome. A call that cannot be read
// exits as a fetch does: it may be a restore_command, to which PushExit's codes say
// that the archive ends.
func (c Call) Exit(err error) int {
	switch c.Request.Verb {
	case Push, Status, Serve:
		return PushExit(err)
	default:
		return FetchExit(err)
	}
}
