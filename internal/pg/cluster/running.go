package cluster

import (
	"context"
	"strconv"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Life says whether a server runs in a data directory.
type Life string

// The three answers.
const (
	Stopped     Life = "stopped" // proved: no process holds the directory and pg_ctl agrees
	Running     Life = "running"
	UnknownLife Life = "unknown" // the evidence contradicts itself or cannot be seen
)

// Process is what runs, or ran, in a data directory.
type Process struct {
	Life      Life   `json:"life"`
	PID       int    `json:"pid,omitempty"`        // of the postmaster, when Running
	Port      int    `json:"port,omitempty"`       // from postmaster.pid
	SocketDir string `json:"socket_dir,omitempty"` // from postmaster.pid
	Status    string `json:"status,omitempty"`     // from postmaster.pid: starting, stopping, ready, standby
	Reason    string `json:"reason,omitempty"`     // why Unknown
}

// Process looks for a server in the data directory. It changes nothing.
func (c *Cluster) Process(ctx context.Context) (Process, error) {
	file, err := readPIDFile(c.path("postmaster.pid"))
	if err != nil {
		return Process{}, err
	}
	holders, err := holdersOf(c.DataDir)
	if err != nil {
		return Process{}, err
	}
	out, err := c.Programs.Run(ctx, "pg_ctl", "status", "-D", c.DataDir)
	if err != nil {
		return Process{}, err
	}
	return judge(file, holders, out.ExitCode), nil
}

// pg_ctl status: 0 running, 3 not running, 4 no accessible data directory.
const (
	ctlRunning = 0
	ctlStopped = 3
)

// judge decides purely from the three witnesses.
func judge(file Process, holders holders, ctlExit int) Process {
	switch {
	case file.PID != 0 && holders.has(file.PID):
		file.Life = Running
		return file
	case len(holders.pids) > 0:
		return Process{
			Life: UnknownLife, PID: holders.pids[0],
			Reason: "process " + strconv.Itoa(holders.pids[0]) + " works in the directory, but postmaster.pid does not name it",
		}
	case holders.blind:
		return Process{Life: UnknownLife, Reason: "this machine has no /proc to look for processes in"}
	case len(holders.hidden) > 0:
		return Process{
			Life: UnknownLife, PID: holders.hidden[0],
			Reason: strconv.Itoa(len(holders.hidden)) + " server processes of the directory's owner do not show where they work",
		}
	case ctlExit == ctlRunning:
		return Process{Life: UnknownLife, Reason: "pg_ctl reports a server, but no process works in the directory"}
	case ctlExit != ctlStopped:
		return Process{Life: UnknownLife, Reason: "pg_ctl status ended with exit " + strconv.Itoa(ctlExit)}
	}
	return Process{Life: Stopped}
}

// RequireStopped returns nil only when the server is proved dead, else Unsafe.
func (c *Cluster) RequireStopped(ctx context.Context) error {
	process, err := c.Process(ctx)
	if err != nil {
		return err
	}
	if process.Life == Stopped {
		return nil
	}
	return failure.New(failure.Unsafe, "the server of %s is not proved dead: %s, pid %d. %s",
		c.DataDir, process.Life, process.PID, process.Reason).
		WithHint("pg_ctl stop -D %s -m fast", c.DataDir)
}

// RequireServing returns nil when the server that answers at port is the one this
// directory's processes show, else Unsafe. Where a server answers and no process
// is seen, it runs from another directory, on another host or in another
// container's process namespace: there no server can ever be proved dead.
func (c *Cluster) RequireServing(ctx context.Context, port int) error {
	process, err := c.Process(ctx)
	if err != nil || process.Life == Running && process.Port == port {
		return err
	}
	return failure.New(failure.Unsafe, "a server answers at port %d, but in %s the server is %s, port %d. %s",
		port, c.DataDir, process.Life, process.Port, process.Reason).
		WithHint("run the worker as root or the database's user, on its host and in its process namespace; compare data_dir in the plan with SHOW data_directory")
}

// readPIDFile reads postmaster.pid; all zero when there is none. Lines, from
// src/include/utils/pidfile.h: pid, data directory, start time, port, socket
// directory, first listen address, shared memory key, status.
func readPIDFile(path string) (Process, error) {
	content, err := pg.ReadSmall(path, 4096)
	if failure.Is(err, failure.NotFound) {
		return Process{}, nil
	}
	if err != nil {
		return Process{}, err
	}
	lines := strings.Split(string(content), "\n")
	line := func(i int) string {
		if i < len(lines) {
			return strings.TrimSpace(lines[i])
		}
		return ""
	}
	// A file that is being written may be short: absent numbers stay zero.
	pid, _ := strconv.Atoi(line(0))
	port, _ := strconv.Atoi(line(3))
	return Process{PID: max(pid, 0), Port: port, SocketDir: line(4), Status: line(7)}, nil
}
