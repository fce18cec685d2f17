package main

import (
	"bufio"
	"context"
	"debug/buildinfo"
	_ "embed"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/mod/semver"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	needRun   = "run"
	needCheck = "check"
	needBench = "bench"
	needAll   = "all"

	needMajors = "majors" // no program of versions.txt

	// minTemporalServer is the oldest dev server with the update and search
	// features the runbook kit uses. Temporal's release binaries carry no module
	// version, so the server they report decides.
	minTemporalServer = "v1.29.0"
)

//go:embed versions.txt
var versions string

// program is one line of versions.txt.
type program struct{ name, pkg, version, need string }

// listed returns the programs of versions.txt that need asks for.
func listed(need string) ([]program, error) {
	switch need {
	case needBench:
		need = needRun // and packages beside
	case needRun, needCheck, needAll:
	default:
		return nil, failure.Invalid("for", "%q is none of run, check, bench, all", need)
	}
	var out []program
	lines := bufio.NewScanner(strings.NewReader(versions))
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 4 {
			return nil, failure.New(failure.Internal, "versions.txt: %q has not four fields", lines.Text())
		}
		if need == needAll || need == fields[3] {
			out = append(out, program{fields[0], fields[1], fields[2], fields[3]})
		}
	}
	return out, failure.Wrap(failure.Internal, lines.Err(), "read versions.txt")
}

// ensure builds p into dir unless an adequate one is there or in PATH.
func (p program) ensure(ctx context.Context, dir string) error {
	candidates := []string{filepath.Join(dir, p.name)}
	if path, err := exec.LookPath(p.name); err == nil {
		candidates = append(candidates, path)
	}
	for _, path := range candidates {
		if found := p.found(ctx, path); found != "" {
			fmt.Printf("tools: %-16s %s (%s)\n", p.name, found, path)
			return nil
		}
	}
	fmt.Printf("tools: %-16s building %s, minutes when nothing is cached\n", p.name, p.version)
	start := time.Now()
	build := exec.CommandContext(ctx, "go", "install", "-trimpath", "-ldflags=-s -w", p.pkg+"@"+p.version) // #nosec G204 -- from versions.txt
	build.Env = buildEnv(dir)
	build.Stdout, build.Stderr = os.Stdout, os.Stderr
	if err := build.Run(); err != nil {
		return failure.Wrap(failure.Unavailable, err, "go install %s@%s", p.pkg, p.version)
	}
	if p.found(ctx, candidates[0]) == "" {
		return failure.New(failure.CheckFailed, "%s was built, but is not the %s that was asked for", candidates[0], p.version)
	}
	fmt.Printf("tools: %-16s built in %s\n", p.name, time.Since(start).Round(time.Second))
	return nil
}

// found returns the version of the program at path when it is p and new enough, else "".
func (p program) found(ctx context.Context, path string) string {
	info, err := buildinfo.ReadFile(path)
	if err != nil || info.Path != p.pkg {
		return ""
	}
	// A checker refuses code for a newer Go than it was built with.
	if p.need == needCheck && version.Compare(version.Lang(info.GoVersion), version.Lang(runtime.Version())) < 0 {
		return ""
	}
	if at := info.Main.Version; semver.IsValid(at) && semver.Compare(at, p.version) >= 0 {
		return at
	}
	if p.name == "temporal" {
		return temporalServer(ctx, path)
	}
	return ""
}

var serverVersion = regexp.MustCompile(`\(Server v?(\d+\.\d+\.\d+)`)

// temporalServer returns the version of the dev server inside the Temporal CLI
// at path when it is new enough, else "".
func temporalServer(ctx context.Context, path string) string {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	said, err := exec.CommandContext(ctx, path, "--version").Output() // #nosec G204 -- a program found under this name
	if err != nil {
		return ""
	}
	if match := serverVersion.FindSubmatch(said); match != nil && semver.Compare("v"+string(match[1]), minTemporalServer) >= 0 {
		return "server v" + string(match[1])
	}
	return ""
}

// buildEnv is the environment with the caller's own Go settings that would
// change what is built, or where to, replaced. Without cgo no C compiler is needed.
func buildEnv(dir string) []string {
	var env []string
	for _, setting := range os.Environ() {
		switch name, _, _ := strings.Cut(setting, "="); name {
		case "GOBIN", "GOFLAGS", "GOOS", "GOARCH", "CGO_ENABLED", "GOWORK":
		default:
			env = append(env, setting)
		}
	}
	return append(env, "GOBIN="+dir, "GOFLAGS=", "CGO_ENABLED=0", "GOWORK=off")
}
