package cluster

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// StopOptions bound how long a server may take.
type StopOptions struct {
	Fast      time.Duration // for a fast shutdown; default 60 s
	Immediate time.Duration // then for an immediate one; default 30 s
}

// Stop stops the server of the expected cluster: fast, then immediate. It
// returns only when the server is proved dead. A stopped server stays stopped,
// so a second call changes nothing.
func (c *Cluster) Stop(ctx context.Context, want Expected, opts StopOptions) error {
	if _, err := c.Require(ctx, want); err != nil {
		return err
	}
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == Stopped {
		return nil
	}
	if err := c.ctlStop(ctx, "fast", orElse(opts.Fast, time.Minute)); err == nil {
		return c.waitStopped(ctx)
	}
	if err := c.ctlStop(ctx, "immediate", orElse(opts.Immediate, 30*time.Second)); err != nil {
		return err
	}
	return c.waitStopped(ctx)
}

func (c *Cluster) ctlStop(ctx context.Context, mode string, limit time.Duration) error {
	seconds := strconv.Itoa(max(1, int(limit.Seconds())))
	out, err := c.Programs.Run(ctx, "pg_ctl", "stop", "-s", "-w", "-m", mode, "-t", seconds, "-D", c.DataDir)
	if err != nil {
		return err
	}
	return out.Must(failure.Unavailable, "stop the server of "+c.DataDir+" ("+mode+")")
}

// waitStopped gives the last children a moment: they leave after the postmaster.
func (c *Cluster) waitStopped(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var last error
	err := pg.Poll(ctx, "the processes of "+c.DataDir+" to end", pollInterval, func(ctx context.Context) (bool, error) {
		last = c.RequireStopped(ctx)
		return last == nil, nil
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

// LogTail returns the last maxBytes of the server's log, or why it cannot.
func (c *Cluster) LogTail(maxBytes int64) string {
	text, err := c.LogFrom(max(0, c.LogSize()-maxBytes), maxBytes)
	if err != nil {
		return err.Error()
	}
	return text
}

// LogSize returns the log's size in bytes; 0 when there is none.
func (c *Cluster) LogSize() int64 {
	info, err := os.Stat(c.LogFile)
	if err != nil {
		return 0
	}
	return info.Size()
}

// LogFrom returns at most maxBytes of the log from offset on.
func (c *Cluster) LogFrom(offset, maxBytes int64) (string, error) {
	file, err := os.Open(c.LogFile)
	if err != nil {
		return "", pg.ClassifyFile(err, "read log %s", c.LogFile)
	}
	defer func() { _ = file.Close() }() // only read
	content := make([]byte, min(maxBytes, max(0, c.LogSize()-offset)))
	n, err := file.ReadAt(content, offset)
	if n < len(content) {
		return "", pg.ClassifyFile(err, "read log %s", c.LogFile)
	}
	return string(content), nil
}

func statDir(dir string) (os.FileInfo, error) {
	info, err := os.Stat(dir)
	return info, pg.ClassifyFile(err, "look at %s", dir)
}

func orElse(value, fallback time.Duration) time.Duration {
	if value <= 0 {
		return fallback
	}
	return value
}
