package obs

import (
	"os"
	"runtime/debug"
)

// memoryBytes leaves room for programs' code and stacks below the 512 MiB that no
// backup and no restore takes more than.
const memoryBytes = 416 << 20

// BoundMemory makes the collector work harder when this process nears the memory
// that a backup or restore may take, instead of letting garbage double it. It
// refuses nothing. Who sets GOMEMLIMIT knows better, and keeps it.
func BoundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes)
	}
}
