package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the figures were measured on.
type machine struct {
	Cores       int    `json:"cores"`
	Processor   string `json:"processor"`
	MemoryBytes int64  `json:"memory_bytes"`
	Kernel      string `json:"kernel"`
	Load        string `json:"load_average_at_start"` // of others too: the first figure should be near 0
}

func thisMachine() machine {
	return machine{
		Cores: runtime.NumCPU(), Processor: field("/proc/cpuinfo", "model name"), MemoryBytes: kibibytes(field("/proc/meminfo", "MemTotal")),
		Kernel: read("/proc/sys/kernel/osrelease"), Load: read("/proc/loadavg"),
	}
}

// read returns a small file without its line end; "" when it is not there.
func read(path string) string {
	text, _ := os.ReadFile(path) // #nosec G304 -- below /proc; what is not there is unknown
	return strings.TrimSpace(string(text))
}

// field returns the value of the first line "name: value".
func field(path, name string) string {
	for line := range strings.Lines(read(path)) {
		key, value, found := strings.Cut(line, ":")
		if found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// kibibytes reads "123 kB" as bytes; 0 is unknown.
func kibibytes(text string) int64 {
	number, _ := strconv.ParseInt(strings.TrimSuffix(text, " kB"), 10, 64) // 0 says unknown
	return number << 10
}

// dropCaches empties the page cache and returns cold, or warm where this user may not.
func dropCaches() string {
	unix.Sync()
	if err := os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0o200); err != nil {
		return "warm"
	}
	return "cold"
}

// watchMemory follows a process's own high-water mark, which the kernel keeps;
// what is lost is at most what grew within the last look. The rusage of a child
// will not do: until it runs another program it counts as this process's size.
func watchMemory(ctx context.Context, pid int) (peak func() int64) {
	ctx, cancel := context.WithCancel(ctx)
	look := func() int64 { return kibibytes(field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM")) }
	highest := look()
	var watching sync.WaitGroup
	watching.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil {
			highest = max(highest, look())
			select {
			case <-ctx.Done():
			case <-tick.C:
			}
		}
	})
	return func() int64 {
		cancel()
		watching.Wait()
		return highest
	}
}

const ticksPerSecond = 100 // USER_HZ on every Linux that Go runs on

// treeCPU is the processor time of a process, of its children, and of those that
// it has waited for. A process that is gone has used none.
func treeCPU(pid int) time.Duration {
	_, after, found := strings.Cut(read(fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	values := strings.Fields(after)
	if !found || len(values) < 15 {
		return 0
	}
	var used time.Duration
	for _, text := range values[11:15] { // utime, stime, cutime, cstime
		ticks, _ := strconv.ParseInt(text, 10, 64) // the kernel writes numbers
		used += time.Duration(ticks) * time.Second / ticksPerSecond
	}
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is well formed
	for _, thread := range threads {
		for child := range strings.FieldsSeq(read(thread)) {
			number, _ := strconv.Atoi(child) // the kernel writes numbers
			used += treeCPU(number)
		}
	}
	return used
}

// version returns the first line that a program prints about itself.
func version(ctx context.Context, name string, args ...string) string {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return "unknown"
	}
	return firstLine(string(out))
}
