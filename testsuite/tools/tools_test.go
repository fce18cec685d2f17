package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestListedProgramsAreWellFormed(t *testing.T) {
	t.Parallel()
	for need, want := range map[string]int{needRun: 3, needCheck: 2, needBench: 3, needAll: 5} {
		programs, err := listed(need)
		if err != nil || len(programs) != want {
			t.Errorf("listed(%s) = %d programs, %v; want %d", need, len(programs), err, want)
		}
	}
	if _, err := listed("everything"); err == nil {
		t.Error("an unknown need was accepted")
	}
}

func TestFoundRefusesOtherPrograms(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temporal := program{name: "temporal", pkg: "github.com/temporalio/cli/cmd/temporal", version: "v1.5.1", need: needRun}
	for _, path := range []string{self, "/bin/sh", filepath.Join(t.TempDir(), "absent")} {
		if got := temporal.found(t.Context(), path); got != "" {
			t.Errorf("found(%s) = %s, want nothing", path, got)
		}
	}
}

func TestShimPutsBackWhatWas(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{"a file": "old", "nothing": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "etc", "policy")
			if before != "" {
				write(t, path, before)
			}
			if _, err := shim(path, "new", 0o644); err != nil { // killed before it could restore
				t.Fatal(err)
			}
			restore, err := shim(path, "new", 0o644)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != "new" {
				t.Errorf("during: %q", got)
			}
			if err := restore(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != before {
				t.Errorf("after: %q, want %q", got, before)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}
