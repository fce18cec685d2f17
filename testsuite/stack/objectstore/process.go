package objectstore

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
)

const (
	readyTimeout = 15 * time.Second
	pollEvery    = 10 * time.Millisecond
	stopGrace    = 3 * time.Second
	// startTries covers a port that somebody else took between its choice and the
	// server's bind.
	startTries = 3
)

// process is one running server.
type process struct {
	how     launcher
	cmd     *exec.Cmd
	log     *os.File
	address string
	exited  chan struct{} // closed when the server has ended
	stop    sync.Once
}

// launcher is how a server is started.
type launcher struct {
	path, log string
	// args are its arguments for a loopback address.
	args func(host, port string) ([]string, error)
}

// launch starts tool with the arguments that args makes for a free loopback
// address, and returns once it accepts connections there. Its output goes to
// dir/<name>.log.
func launch(ctx context.Context, name, dir string, args func(host, port string) ([]string, error)) (*process, error) {
	path, err := findTool(name)
	if err != nil {
		return nil, err
	}
	how := launcher{path: path, log: filepath.Join(dir, name+".log"), args: args}
	for try := 1; ; try++ {
		address, err := freeAddress(ctx)
		if err != nil {
			return nil, err
		}
		p, err := how.start(ctx, address)
		if err == nil || try == startTries || ctx.Err() != nil {
			return p, err
		}
	}
}

// again starts a server that has ended at the address it had.
func (p *process) again(ctx context.Context) (*process, error) {
	p.close()
	return p.how.start(ctx, p.address)
}

// kill ends the server at once and waits for its end.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

func (l launcher) start(ctx context.Context, address string) (*process, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, failure.Wrap(failure.Internal, err, "split address")
	}
	args, err := l.args(host, port)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(l.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, failure.Wrap(failure.Unavailable, err, "open log of %s", l.path)
	}
	// Not CommandContext: the server outlives the call that starts it.
	cmd := exec.Command(l.path, args...) //nolint:noctx // see above
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(l.log), "TMPDIR=" + os.TempDir()}
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		log.Close() //nolint:errcheck // the start's error is the one to report
		return nil, failure.Wrap(failure.Unavailable, err, "start %s", l.path)
	}
	p := &process{how: l, cmd: cmd, log: log, address: address, exited: make(chan struct{})}
	go p.reap()
	if err := p.waitReady(ctx); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// reap collects the exit status. The status itself says nothing new: a server
// that ends early is found by waitReady or by the next request.
func (p *process) reap() {
	p.cmd.Wait()  //nolint:errcheck // see above
	p.log.Close() //nolint:errcheck // a log
	close(p.exited)
}

func (p *process) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var dialer net.Dialer
		if conn, err := dialer.DialContext(ctx, "tcp", p.address); err == nil {
			return conn.Close()
		}
		select {
		case <-p.exited:
			return failure.New(failure.Unavailable, "%s ended before it was ready: %s", p.cmd.Path, p.cmd.ProcessState).
				WithHint("read %s", p.log.Name())
		case <-ctx.Done():
			return failure.New(failure.Unavailable, "%s does not answer on %s", p.cmd.Path, p.address).
				WithHint("read %s", p.log.Name())
		case <-tick.C:
		}
	}
}

// close ends the server, gently first. Calling it again does nothing.
func (p *process) close() {
	p.stop.Do(func() {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(stopGrace):
			p.signal(syscall.SIGKILL)
			<-p.exited
		}
	})
}

// signal fails only when the process has already ended, which is what close wants.
func (p *process) signal(sig syscall.Signal) {
	p.cmd.Process.Signal(sig) //nolint:errcheck // see above
}

func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", failure.Wrap(failure.Unavailable, err, "find a free port")
	}
	return listener.Addr().String(), listener.Close()
}
