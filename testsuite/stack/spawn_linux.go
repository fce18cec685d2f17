package stack

import (
	"runtime"
	"syscall"
)

// spawner runs each start on one locked thread. The thread ends with the
// channel, and with it, by the kernel's hand, every child that is left.
func spawner(requests <-chan func()) {
	runtime.LockOSThread()
	for start := range requests {
		start()
	}
}

// detach has the kernel kill the child with this process, and keeps a terminal's
// Ctrl-C from reaching it: servers are ended in order, by Close.
func detach(attributes *syscall.SysProcAttr) {
	attributes.Pdeathsig = syscall.SIGKILL
	attributes.Setpgid = true
}
