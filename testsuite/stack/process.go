package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const stopGrace = 8 * time.Second

// Process is one running server or worker.
type Process struct {
	Name string
	Log  string // file with its output

	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	gentle syscall.Signal
	stop   sync.Once
}

// PID of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends sig. A process that has ended already is no error.
func (p *Process) Signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) } // see above

// Kill ends the process at once and waits for its end.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.exited
}

// Stop ends the process, gently first. Calling it again does nothing.
func (p *Process) Stop() {
	p.stop.Do(func() {
		p.Signal(p.gentle)
		select {
		case <-p.exited:
		case <-time.After(stopGrace):
			p.Kill()
		}
	})
}

// command is a process to be started.
type command struct {
	name   string
	path   string
	args   []string
	env    []string       // beside PATH, HOME, TMPDIR and TZ
	gentle syscall.Signal // what ends it in good order; zero: SIGTERM
}

// processes starts children and ends them in reverse order.
type processes struct {
	dir     string // run directory
	account account
	log     *zap.Logger

	spawn   chan func()
	mu      sync.Mutex
	started []*Process
}

// newProcesses prepares one thread that starts every child and lives until
// stopAll: the kernel's parent-death signal follows the thread, not the process.
func newProcesses(dir string, as account, log *zap.Logger) *processes {
	p := &processes{dir: dir, account: as, log: log, spawn: make(chan func())}
	go spawner(p.spawn)
	return p
}

// start runs c as the stack's account, with its output in log/<name>.log.
func (p *processes) start(c command) (*Process, error) {
	path := filepath.Join(p.dir, "log", c.name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "open the log of %s", c.name)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	// Not CommandContext: the server outlives the call that starts it.
	cmd := exec.Command(c.path, c.args...) //nolint:noctx // see above
	cmd.Dir = p.dir
	cmd.Env = append([]string{
		"PATH=" + filepath.Join(p.dir, "bin") + ":" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(p.dir, "home"), "TMPDIR=" + filepath.Join(p.dir, "tmp"), "TZ=UTC", "LC_ALL=C",
	}, c.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = p.account.Attributes()
	detach(cmd.SysProcAttr)
	started := &Process{Name: c.name, Log: path, cmd: cmd, exited: make(chan struct{}), gentle: c.gentle}
	if started.gentle == 0 {
		started.gentle = syscall.SIGTERM
	}
	outcome := make(chan error, 1)
	p.spawn <- func() { outcome <- cmd.Start() }
	if err := <-outcome; err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "start %s", c.name)
	}
	go func() {
		_ = cmd.Wait() // how it ended is found by whoever needs it, and in its log
		close(started.exited)
	}()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started = append(p.started, started)
	p.log.Debug("started", zap.String("server", c.name), zap.Int("pid", started.PID()))
	return started, nil
}

// stopAll ends every child, the last started first.
func (p *processes) stopAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := len(p.started) - 1; i >= 0; i-- {
		p.started[i].Stop()
	}
	p.started = nil
	if p.spawn != nil {
		close(p.spawn)
		p.spawn = nil
	}
}

// ready polls probe until it passes, the process ends, or ctx does.
func (p *Process) ready(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.exited:
			return failure.New(failure.Unavailable, "%s ended before it was ready (%s): %s", p.Name, p.cmd.ProcessState, tail(p.Log))
		case <-ctx.Done():
			return failure.New(failure.Unavailable, "%s is not ready: %s: %s", p.Name, err, tail(p.Log))
		case <-tick.C:
		}
	}
}

// tail returns the end of a log, for an error a person reads.
func tail(path string) string {
	const lastBytes = 1500
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Sprintf("(its log cannot be read: %v)", err)
	}
	return "\n" + string(text[max(0, len(text)-lastBytes):])
}
