package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// programsDir is where the programs under test are built, once for all tests.
var programsDir = filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-chaos-%d", os.Getpid()))

// standing is the stack that tests share: they leave it healed and serving.
var standing struct {
	sync.Mutex
	bed *bed
}

func TestMain(m *testing.M) {
	defer os.RemoveAll(programsDir) //nolint:errcheck // a few binaries in the temporary directory
	code := m.Run()
	standing.Lock()
	defer standing.Unlock()
	if standing.bed == nil {
		return
	}
	if err := standing.bed.close(code != 0); err != nil {
		panic(err)
	}
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
