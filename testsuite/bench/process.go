package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// String is a sample for the screen.
func (s sample) String() string {
	var parts []string
	if s.Seconds > 0 {
		parts = append(parts, fmt.Sprintf("%7.2f s", s.Seconds))
	}
	if s.CPUSeconds > 0 {
		parts = append(parts, fmt.Sprintf("cpu %.1f s", s.CPUSeconds))
	}
	if s.MaxRSSBytes > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", s.MaxRSSBytes>>20))
	}
	parts = append(parts, named(s.Servers, "%s %.1f s")...)
	return strings.Join(append(parts, named(s.Figures, "%s %.1f")...), ", ")
}

func named(values map[string]float64, format string) []string {
	var out []string
	for name, value := range values {
		if value >= 0.05 {
			out = append(out, fmt.Sprintf(format, name, value))
		}
	}
	slices.Sort(out)
	return out
}

// measure runs one program to its end. What it printed comes back; when it
// fails, the error ends with what it complained of.
func (l *lab) measure(ctx context.Context, command *exec.Cmd) (sample, string, error) {
	var out, complaints strings.Builder
	command.Stdout, command.Stderr = &out, &complaints
	before := l.serversCPU()
	begin := time.Now()
	if err := command.Start(); err != nil {
		return sample{}, "", failure.Wrap(failure.Unavailable, err, "start %s", command.Path)
	}
	peak := watchMemory(ctx, command.Process.Pid)
	err := command.Wait()
	took := time.Since(begin)
	made := sample{Seconds: took.Seconds(), MaxRSSBytes: peak(), Servers: map[string]float64{}}
	for name, used := range l.serversCPU() {
		made.Servers[name] = (used - before[name]).Seconds()
	}
	if err != nil {
		return made, out.String(), failure.Wrap(failure.CheckFailed, err, "%s: %s", filepath.Base(command.Path), ending(complaints.String()+out.String()))
	}
	made.CPUSeconds = (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	return made, out.String(), nil
}

// do runs a program whose cost does not matter.
func (l *lab) do(ctx context.Context, command *exec.Cmd) error {
	_, _, err := l.measure(ctx, command)
	return err
}

// timed measures work that is more than one program.
func (l *lab) timed(work func() error) (sample, error) {
	before := l.serversCPU()
	begin := time.Now()
	err := work()
	made := sample{Seconds: time.Since(begin).Seconds(), Servers: map[string]float64{}}
	for name, used := range l.serversCPU() {
		made.Servers[name] = (used - before[name]).Seconds()
	}
	return made, err
}

func ending(text string) string {
	const kept = 1200
	return text[max(0, len(text)-kept):]
}

// poll looks until something is so, can no longer become so, or ctx ends.
func poll(ctx context.Context, what string, every time.Duration, look func() (bool, error)) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		done, err := look()
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return failure.New(failure.Unavailable, "waiting for %s: %s (%v)", what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}
