//go:build !linux

package objectstore

import "os/exec"

// dieWithParent has no equivalent here: a killed parent leaves the server running.
func dieWithParent(*exec.Cmd) {}
