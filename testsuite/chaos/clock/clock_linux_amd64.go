package clock

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Step sets the wall clock of the process pid to the kernel's time plus offset,
// in whole seconds. Children it starts later have the kernel's time.
func Step(pid int, offset time.Duration) error {
	low, high, err := vdso(pid)
	if err != nil {
		return err
	}
	memory, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return failure.Wrap(failure.Forbidden, err, "open the memory of process %d", pid)
	}
	at, err := entry(io.NewSectionReader(memory, low, high-low), high-low)
	if err == nil {
		_, err = memory.WriteAt(code(offset), low+at)
	}
	if closing := memory.Close(); err == nil {
		err = closing
	}
	return failure.Wrap(failure.Forbidden, err, "step the clock of process %d", pid)
}

// vdso finds the page of code in the process's map.
func vdso(pid int) (low, high int64, err error) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, failure.Wrap(failure.NotFound, err, "read the map of process %d", pid)
	}
	for line := range strings.Lines(string(maps)) {
		if !strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			continue
		}
		from, to, _ := strings.Cut(strings.Fields(line)[0], "-")
		if low, err = strconv.ParseInt(from, 16, 64); err != nil {
			break
		}
		high, err = strconv.ParseInt(to, 16, 64)
		return low, high, failure.Wrap(failure.Internal, err, "read the map of process %d", pid)
	}
	return 0, 0, failure.New(failure.NotFound, "process %d has no vDSO: %v", pid, err)
}

// entry is where clock_gettime begins within the page.
func entry(page io.Reader, size int64) (int64, error) {
	image := make([]byte, size)
	if _, err := io.ReadFull(page, image); err != nil {
		return 0, failure.Wrap(failure.Forbidden, err, "read the vDSO")
	}
	object, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return 0, failure.Wrap(failure.Internal, err, "read the vDSO")
	}
	symbols, err := object.DynamicSymbols()
	if err != nil {
		return 0, failure.Wrap(failure.Internal, err, "read the vDSO's symbols")
	}
	for _, symbol := range symbols {
		if symbol.Name == "__vdso_clock_gettime" {
			return int64(symbol.Value), nil
		}
	}
	return 0, failure.New(failure.NotFound, "the vDSO has no clock_gettime")
}

// code is clock_gettime(edi: clock, rsi: result) with an offset.
func code(offset time.Duration) []byte {
	made := []byte{
		0xb8, 0xe4, 0x00, 0x00, 0x00, // mov  eax, 228  (clock_gettime)
		0x0f, 0x05, // syscall
		0x85, 0xff, // test edi, edi  (CLOCK_REALTIME is 0)
		0x75, 0x11, // jnz  done
		0x85, 0xc0, // test eax, eax
		0x75, 0x0d, // jnz  done
		0x48, 0xb9, // mov  rcx, offset
	}
	made = binary.LittleEndian.AppendUint64(made, uint64(int64(offset/time.Second)))
	return append(made,
		0x48, 0x01, 0x0e, // add [rsi], rcx
		0xc3, // done: ret
	)
}
