package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// profiling is added to each program's main package with -profile.
//
//go:embed profile.go.txt
var profiling string

// profileVariable is where a program built with profiling writes to: the
// beginning of a file name, to which it adds its process ID.
const profileVariable = "HOLDFAST_BENCH_PROFILE"

// programs are built as `make build` does.
func programs() map[string]string {
	return map[string]string{"worker": "worker", "starter": "starter", "wal": "worker/wal"}
}

// edit replaces text of one source file for a build; the tree stays as it is.
type edit struct{ file, from, to string }

// edits are what doc.go says is changed.
func edits(profiled bool) []edit {
	out := []edit{
		{"internal/plan/check_stores.go", "len(j.p.Stores) < 2 {", "len(j.p.Stores) < 1 {"},
		{"internal/plan/check_stores.go", "len(providers) < 2 {", "len(providers) < 1 {"},
	}
	if profiled {
		out = append(out, edit{"starter/main.go", "os.Exit(", "exitProfiled("}, edit{"worker/main.go", "os.Exit(", "exitProfiled("})
	}
	return out
}

// build makes the programs in dir.
func build(ctx context.Context, dir string, profiled bool) error {
	root, err := os.Getwd()
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "find the module's root")
	}
	replaced := map[string]string{}
	if profiled {
		profile := filepath.Join(dir, "profile.go")
		if err := os.WriteFile(profile, []byte(profiling), 0o600); err != nil {
			return failure.Wrap(failure.Forbidden, err, "write the profiler")
		}
		for _, name := range []string{"starter", "worker"} {
			replaced[filepath.Join(root, name, "bench_profile.go")] = profile
		}
	}
	if err := applyEdits(root, dir, edits(profiled), replaced); err != nil {
		return err
	}
	return compile(ctx, dir, replaced)
}

// applyEdits writes the edited sources to dir and adds them to replaced. An edit
// that finds nothing to replace, or more than one place, is an error.
func applyEdits(root, dir string, edits []edit, replaced map[string]string) error {
	for _, one := range edits {
		original := filepath.Join(root, one.file)
		source, edited := original, replaced[original]
		if edited == "" {
			edited = filepath.Join(dir, strings.ReplaceAll(one.file, "/", "_"))
		} else {
			source = edited
		}
		text, err := os.ReadFile(source)
		if err != nil {
			return failure.New(failure.NotFound, "read %s: %s", one.file, err).WithHint("run it from the root of the module: make bench")
		}
		if strings.Count(string(text), one.from) != 1 {
			return failure.New(failure.Internal, "%s has not exactly one %q, which the benchmark's build replaces", one.file, one.from)
		}
		text = []byte(strings.Replace(string(text), one.from, one.to, 1))
		if err := os.WriteFile(edited, text, 0o600); err != nil {
			return failure.Wrap(failure.Forbidden, err, "write the edited %s", one.file)
		}
		replaced[original] = edited
	}
	return nil
}

func compile(ctx context.Context, dir string, replaced map[string]string) error {
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return failure.Wrap(failure.Internal, err, "encode the build's overlay")
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return failure.Wrap(failure.Forbidden, err, "write the build's overlay")
	}
	for name, pkg := range programs() {
		made := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-overlay", overlay, "-o", filepath.Join(dir, name), "./"+pkg)
		made.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := made.CombinedOutput(); err != nil {
			return failure.Wrap(failure.Unavailable, err, "go build ./%s: %s", pkg, ending(string(out)))
		}
	}
	return nil
}
