package stack

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
	"github.com/terragonlabs/holdfast/internal/walship/settings"
)

// binaries are the programs of this repository that the stack runs.
var binaries = map[string]string{"worker": "./worker", "starter": "./starter", "wal": "./worker/wal"}

// installBinaries puts worker, starter and wal into the run directory's bin: copies of
// those in BinDir, or builds.
func (s *Stack) installBinaries(ctx context.Context) error {
	for name, pkg := range binaries {
		to := filepath.Join(s.Dir, "bin", name)
		if s.options.BinDir != "" {
			if err := copyProgram(filepath.Join(s.options.BinDir, name), to); err != nil {
				return err
			}
			continue
		}
		root, err := moduleRoot(ctx)
		if err != nil {
			return err
		}
		build := exec.CommandContext(ctx, "go", "build", "-o", to, pkg)
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return failure.Wrap(failure.Unavailable, err, "go build %s: %s", pkg, out)
		}
		if err := os.Chmod(to, 0o755); err != nil { // #nosec G302 -- a program others run
			return failure.Wrap(failure.Forbidden, err, "let others run %s", to)
		}
	}
	return nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	file := string(bytes.TrimSpace(out))
	if err != nil || file == "" || file == os.DevNull {
		return "", failure.New(failure.NotFound, "not inside the module, and no BinDir was given").WithHint("make build")
	}
	return filepath.Dir(file), nil
}

// Worker starts bin/worker run with the stack's plan and Temporal, and returns
// once it says that it is ready. Env and args are added.
func (s *Stack) Worker(ctx context.Context, name string, env []string, args ...string) (*Process, error) {
	ports, err := freePorts(ctx, 1)
	if err != nil {
		return nil, err
	}
	endpoint := fmt.Sprintf("127.0.0.1:%d", ports[0])
	process, err := s.processes.start(command{
		name: "worker-" + name, path: filepath.Join(s.Dir, "bin", "worker"),
		args: append([]string{"run", "--plan", s.PlanFile, "--metrics-address", endpoint}, args...),
		env:  append(s.envOf(name), env...),
	})
	if err != nil {
		return nil, err
	}
	return process, process.ready(ctx, func(ctx context.Context) error { return getOK(ctx, "http://"+endpoint+"/readyz") })
}

// HostWorker starts the worker of one of the plan's hosts, with that host's
// signing key and state.
func (s *Stack) HostWorker(ctx context.Context, host string, args ...string) (*Process, error) {
	state := s.StateDir(host)
	if err := s.account.MkdirAll(state); err != nil {
		return nil, err
	}
	own := []string{"--host", host, "--state-dir", state, "--signing-key", s.Keys.Signer[host]}
	return s.Worker(ctx, host, nil, append(own, args...)...)
}

// ControlWorker starts the worker of the control queue.
func (s *Stack) ControlWorker(ctx context.Context, args ...string) (*Process, error) {
	return s.Worker(ctx, "control", nil, append([]string{"--queues", "control"}, args...)...)
}

// KeyHolder starts the worker that holds a recipient's private key: the first
// one of the plan that is not offline.
func (s *Stack) KeyHolder(ctx context.Context) (*Process, error) {
	for _, r := range s.Plan.Encryption.Recipients {
		if !r.Offline {
			return s.Worker(ctx, "keys", nil, "--queues", "keys", "--key-holder", s.Keys.Private[r.Name])
		}
	}
	return nil, failure.Invalid("encryption.recipients", "every recipient's key is offline: no worker can hold one")
}

// WorkerEnv is the environment that points a command at this stack's Temporal.
func (s *Stack) WorkerEnv() []string {
	return []string{"TEMPORAL_ADDRESS=" + s.Temporal.Address, "TEMPORAL_NAMESPACE=" + s.Temporal.Namespace}
}

// envOf is WorkerEnv for the worker of that name.
func (s *Stack) envOf(name string) []string {
	env := s.WorkerEnv()
	if via, ok := s.Temporal.Via[name]; ok {
		env = append(env, "TEMPORAL_ADDRESS="+via) // the last one counts
	}
	return env
}

func getOK(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "make a request")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return failure.Wrap(failure.Unavailable, err, "get %s", url)
	}
	defer func() { _ = response.Body.Close() }() // not read
	if response.StatusCode != http.StatusOK {
		return failure.New(failure.Unavailable, "%s answers %s", url, response.Status)
	}
	return nil
}

// WALDaemon starts worker wal serve for the primary's host and returns once its
// socket answers.
func (s *Stack) WALDaemon(ctx context.Context) (*Process, error) {
	file := s.WALSettings(s.Primary.Host)
	process, err := s.processes.start(command{
		name: "wal-" + s.Primary.Host, path: filepath.Join(s.Dir, "bin", "worker"), args: []string{"wal", "--config", file, "serve"},
	})
	if err != nil {
		return nil, err
	}
	return process, process.ready(ctx, func(ctx context.Context) error {
		out, err := exec.CommandContext(ctx, filepath.Join(s.Dir, "bin", "wal"), "--config", file, "status").CombinedOutput()
		return failure.Wrap(failure.Unavailable, err, "wal status: %s", out)
	})
}

// WALSettings is the file that wal and the daemon of host read.
func (s *Stack) WALSettings(host string) string { return filepath.Join(s.Dir, host, "wal.yaml") }

func (s *Stack) archiveCommand() string {
	if s.options.ArchiveCommand != "" {
		return s.options.ArchiveCommand
	}
	return fmt.Sprintf("%s --config %s push %%p", filepath.Join(s.Dir, "bin", "wal"), s.WALSettings(s.Primary.Host))
}

// writeWALSettings writes host's view of its WAL, for the cluster in its data directory.
func (s *Stack) writeWALSettings(ctx context.Context, p *Postgres) error {
	control, err := s.programs().Run(ctx, "pg_controldata", p.DataDir)
	if err != nil {
		return err
	}
	var system wal.SystemID
	for line := range strings.Lines(control.Stdout) {
		if value, ok := strings.CutPrefix(line, "Database system identifier:"); ok {
			if err := system.UnmarshalText([]byte(strings.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	before, err := s.options.Between(WALToPostgres, net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)))
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(before)
	if err != nil {
		return failure.Wrap(failure.InvalidInput, err, "read the address of what stands before PostgreSQL")
	}
	made := s.walSettings(p, system, port)
	s.options.WAL(&made)
	text, err := yaml.Marshal(made)
	if err != nil {
		return failure.Wrap(failure.Internal, err, "write WAL settings as YAML")
	}
	if _, err := settings.Parse(text); err != nil {
		return failure.Wrap(failure.Internal, err, "the WAL settings of the stack")
	}
	return s.write(s.WALSettings(p.Host), string(text), 0o600)
}

func (s *Stack) walSettings(p *Postgres, system wal.SystemID, port string) settings.Settings {
	archive := s.database.Backup.Archive
	made := settings.Settings{
		Source: s.database.Name, SystemID: system, DataDir: p.DataDir,
		Socket: filepath.Join(p.SocketDir, "wal.sock"), Worker: filepath.Join(s.Dir, "bin", "worker"),
		Spool:     settings.Spool{Dir: s.spoolDir(p.Host), MaxBytes: int64(archive.SpoolMax)},
		Archive:   settings.Archive{Require: settings.Require(archive.Require)},
		Tail:      settings.Tail{Interval: archive.TailInterval.Std()},
		Heartbeat: settings.Heartbeat{Interval: s.database.Heartbeat.Interval.Std()},
		Database: settings.Database{
			Conn:     fmt.Sprintf("host=127.0.0.1 port=%s user=%s dbname=%s sslmode=disable", port, p.Superuser, s.database.DBName),
			Password: string(s.secretRef("superuser")),
		},
	}
	for _, r := range s.Plan.Encryption.Recipients {
		made.Keys.Recipients = append(made.Keys.Recipients, r.PublicKeyFile)
	}
	for _, one := range s.Plan.Stores {
		made.Stores = append(made.Stores, settings.Store{
			Name: one.Name, Provider: string(one.Provider), Bucket: one.Bucket, Prefix: one.Prefix, Region: one.Region,
			Endpoint: one.Endpoint, Dir: one.Path, PathStyle: one.PathStyle, Anonymous: one.Anonymous, CAFile: one.CAFile,
			AccessKey: string(one.AccessKey), SecretKey: string(one.SecretKey), Credentials: string(one.CredentialsJSON),
		})
	}
	return made
}
