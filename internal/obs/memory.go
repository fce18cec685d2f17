package obs

import (
	"os"
	"runtime/debug"
)

const (
	// memoryBytes leaves room for programs' code and stacks below the 512 MiB that no
	// backup and no restore takes more than.
	memoryBytes = 416 << 20
	// garbagePercent of what is in use may be garbage: a backup's memory is large
	// buffers without pointers, which cost the collector nothing to look through.
	garbagePercent = 20
)

// BoundMemory makes the collector work harder when this process nears the memory
// that a backup or restore may take, instead of letting garbage double it. It
// refuses nothing. Who sets GOMEMLIMIT knows better, and keeps it.
func BoundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes)
	}
}

// KeepSmall makes the collector work harder from the start, in a process that does
// one backup or restore. Who sets GOGC knows better, and keeps it.
func KeepSmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
}
