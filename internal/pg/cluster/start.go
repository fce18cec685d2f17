package cluster

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

const pollInterval = 50 * time.Millisecond

// StartOptions say how the server is started.
type StartOptions struct {
	Settings map[string]string `json:"settings,omitempty"` // override postgresql.conf for this start
}

// Start starts the server and returns once its process is there; WaitReady
// waits for it to answer. A server that already runs in this directory is left
// alone, so a second call changes nothing; options of a second call are not
// applied. Killed half-way, the server runs or does not, as Process tells.
func (c *Cluster) Start(ctx context.Context, opts StartOptions) error {
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == Running {
		return nil
	}
	if process.Life == UnknownLife {
		return failure.New(failure.Unsafe, "not starting %s: %s", c.DataDir, process.Reason)
	}
	if err := c.ensureLog(); err != nil {
		return err
	}
	out, err := c.Programs.Run(ctx, "pg_ctl", "start", "-w", "-t", startSeconds, "-s", "-D", c.DataDir, "-l", c.LogFile, "-o", c.arguments(opts))
	if err != nil || out.ExitCode == 0 {
		return err
	}
	return c.explainStart(ctx, out)
}

// startSeconds is how long pg_ctl watches: long enough for it to see the
// process appear or die, short enough for a caller to follow a long recovery.
const startSeconds = "3"

// explainStart tells a server that is still recovering from one that is gone.
func (c *Cluster) explainStart(ctx context.Context, out pg.Output) error {
	process, err := c.Process(ctx)
	if err != nil || process.Life == Running {
		return err
	}
	return failure.New(failure.Unavailable, "start the server of %s: %.300s: %s", c.DataDir, out.Stderr, c.LogTail(2000)).
		WithHint("read %s", c.LogFile)
}

// arguments is the command line pg_ctl hands to a shell: every word is quoted.
func (c *Cluster) arguments(opts StartOptions) string {
	settings := maps.Clone(opts.Settings)
	if settings == nil {
		settings = map[string]string{}
	}
	if c.Port != 0 {
		settings["port"] = strconv.Itoa(c.Port)
	}
	if c.ConfigFile != "" {
		settings["config_file"] = c.ConfigFile
	}
	if c.SocketDir != "" {
		settings["unix_socket_directories"] = c.SocketDir
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		words = append(words, "-c", quoteShell(name+"="+settings[name]))
	}
	return strings.Join(words, " ")
}

func quoteShell(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// WaitReady waits until the server says it accepts connections ("ready", or
// "standby" in recovery). A server that dies meanwhile is Unavailable with the
// end of its log. ctx bounds the wait.
func (c *Cluster) WaitReady(ctx context.Context) (Process, error) {
	var process Process
	err := pg.Poll(ctx, "the server of "+c.DataDir, pollInterval, func(ctx context.Context) (bool, error) {
		var err error
		process, err = c.glance()
		if err != nil || process.Life == Running {
			return process.Status == "ready" || process.Status == "standby", err
		}
		return false, c.confirmDeath(ctx)
	})
	return process, err
}

// glance is Process without the cost of pg_ctl, for polling.
func (c *Cluster) glance() (Process, error) {
	file, err := readPIDFile(c.path("postmaster.pid"))
	if err != nil || file.PID == 0 {
		return file, err
	}
	var found holders
	info, err := statDir(c.DataDir)
	if err != nil {
		return file, err
	}
	found.look(file.PID, info)
	if found.has(file.PID) {
		file.Life = Running
	}
	return file, nil
}

// confirmDeath distinguishes a server that has not written its pid file yet
// from one that is gone: pg_ctl start has returned, so its process existed.
func (c *Cluster) confirmDeath(ctx context.Context) error {
	process, err := c.Process(ctx)
	if err != nil || process.Life != Stopped {
		return err
	}
	return failure.New(failure.Unavailable, "the server of %s ended: %s", c.DataDir, c.LogTail(2000)).
		WithHint("read %s", c.LogFile)
}
