package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programsDir is where the programs under test are built, once for all tests.
var programsDir = filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-e2e-%d", os.Getpid()))

func TestMain(m *testing.M) {
	defer os.RemoveAll(programsDir) //nolint:errcheck // a few binaries in the temporary directory
	m.Run()
}

// programs builds worker, starter and wal.
var programs = sync.OnceValues(func() (string, error) {
	made := exec.Command("go", "build", "-o", programsDir+"/", "./worker", "./starter", "./worker/wal")
	made.Dir = filepath.Join("..", "..")
	if out, err := made.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the programs: %w\n%s", err, out)
	}
	return programsDir, nil
})
