// Package clock steps the wall clock of running processes, as a wrong time server
// or a person does, and leaves everybody else's alone.
//
// Programs on Linux read the time from a page of code that the kernel maps into
// them (the vDSO). Step writes other code there, into that process's own copy,
// which asks the kernel and adds an offset to CLOCK_REALTIME. So it works for
// programs written in Go, which no preloaded library reaches. Clocks that measure
// spans are not touched, as in a real step. It needs the right to trace the
// process: root, or its parent.
package clock
