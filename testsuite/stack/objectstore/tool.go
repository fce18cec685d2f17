package objectstore

import (
	"os"
	"os/exec"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// toolsVariable names a directory that is looked in before PATH.
const toolsVariable = "HOLDFAST_TOOLS"

// findTool returns the path of an executable, from HOLDFAST_TOOLS or PATH.
func findTool(name string) (string, error) {
	if dir := os.Getenv(toolsVariable); dir != "" {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", failure.New(failure.NotFound, "%s is neither in $%s (%q) nor in PATH", name, toolsVariable, os.Getenv(toolsVariable)).
			WithHint("make tools")
	}
	return path, nil
}
