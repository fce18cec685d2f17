//go:build !linux

package stack

import "syscall"

func spawner(requests <-chan func()) {
	for start := range requests {
		start()
	}
}

// detach keeps a terminal's Ctrl-C from the child. Only Linux ends children of a
// killed parent.
func detach(attributes *syscall.SysProcAttr) { attributes.Setpgid = true }
