package runbook_test

import (
	"os/exec"
	"syscall"
)

// dieWithTest lets the kernel end the server should the test be killed.
func dieWithTest(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
