package stack

import "github.com/terragonlabs/holdfast/internal/pg"

// Account is who the stack's servers run as, for a caller that runs programs of
// its own beside them and makes files for them.
func (s *Stack) Account() pg.Owner { return s.account.Owner }

// Spawn starts a further server as the stack's account, with its output in
// log/<name>.log. It ends with the stack; when it is ready the caller must find out.
func (s *Stack) Spawn(name, path string, env []string, args ...string) (*Process, error) {
	return s.processes.start(command{name: name, path: path, args: args, env: env})
}
