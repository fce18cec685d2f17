package pgtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/pg"
)

const startLimit = 30 * time.Second

// Server is one private PostgreSQL server.
type Server struct {
	Root      string // directory of everything below; belongs to the server's user
	DataDir   string
	BinDir    string
	SocketDir string
	LogFile   string
	Port      int

	process *exec.Cmd
	ended   chan struct{}
}

// Start makes a cluster and starts its server; both are gone after the test.
func Start(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := defaults()
	for _, apply := range opts {
		apply(&o)
	}
	root := Dir(t)
	s := &Server{
		Root: root, DataDir: filepath.Join(root, "data"), BinDir: BinDir(t), SocketDir: root,
		LogFile: filepath.Join(root, "server.log"), Port: Port(t),
	}
	populate(t, s.DataDir, o)
	s.configure(t, o)
	t.Cleanup(func() { s.Kill(t) })
	if !o.stopped {
		s.Start(t)
	}
	return s
}

func (s *Server) configure(t testing.TB, o options) {
	t.Helper()
	conf := filepath.Join(s.DataDir, "postgresql.conf")
	file, err := os.OpenFile(conf, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("configure: %v", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.WriteString("\nunix_socket_directories = '" + s.SocketDir + "'\n" + o.conf()); err != nil {
		t.Fatalf("configure: %v", err)
	}
}

// Start starts a stopped server and waits until it answers.
func (s *Server) Start(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(s.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatalf("open log: %v", err)
	}
	defer func() { _ = log.Close() }()
	programs := pg.Programs{Dir: s.BinDir, Owner: Owner(t)}
	cmd := programs.Command(context.Background(), "postgres", "-D", s.DataDir, "-p", portArg(s.Port))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT
	started := make(chan error)
	s.process, s.ended = cmd, make(chan struct{})
	go supervise(cmd, started, s.ended)
	if err := <-started; err != nil {
		t.Fatalf("start postgres: %v", err)
	}
	s.waitReady(t)
}

// supervise keeps to one thread: the kernel sends Pdeathsig when the thread
// that started the child ends, not when the process does.
func supervise(cmd *exec.Cmd, started chan<- error, ended chan<- struct{}) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer close(ended)
	err := cmd.Start()
	started <- err
	if err == nil {
		_ = cmd.Wait() // the exit status of a killed server says nothing
	}
}

func (s *Server) waitReady(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startLimit)
	defer cancel()
	err := pg.Poll(ctx, "the test server", 20*time.Millisecond, func(ctx context.Context) (bool, error) {
		select {
		case <-s.ended:
			t.Fatalf("the server ended: %s", s.Log(t))
		default:
		}
		conn, err := s.Super().Connect(ctx)
		if err != nil {
			return false, nil //nolint:nilerr // not yet is what is waited for
		}
		return true, conn.Close(ctx)
	})
	if err != nil {
		t.Fatalf("%v: %s", err, s.Log(t))
	}
}

// Stop shuts the server down cleanly (fast).
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGINT)
}

// Kill ends the server at once (immediate shutdown): the next start recovers.
// It is no error when the server is down already.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	s.end(t, syscall.SIGQUIT)
}

func (s *Server) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Signal(signal) // it may have ended already
	select {
	case <-s.ended:
	case <-time.After(startLimit):
		t.Errorf("the server does not stop: %s", s.Log(t))
		_ = s.process.Process.Kill()
		<-s.ended
	}
}

// Restart stops and starts the server.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.Start(t)
}

// Super says how to reach the server as its superuser through its socket.
func (s *Server) Super() pg.Server {
	return pg.Server{Host: s.SocketDir, Port: s.Port, User: "postgres"}
}

// TCP says how to reach the server over loopback as a role with a password.
func (s *Server) TCP(user, password string) pg.Server {
	return pg.Server{Host: "127.0.0.1", Port: s.Port, User: user, Password: config.NewSecret(password), SSLMode: "disable"}
}

// Connect opens a superuser session in database postgres, closed with the test.
func (s *Server) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	return s.ConnectTo(t, s.Super())
}

// ConnectTo opens a session, closed with the test.
func (s *Server) ConnectTo(t testing.TB, server pg.Server) *pgx.Conn {
	t.Helper()
	conn, err := server.Connect(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// Exec runs statements as superuser in database postgres, each on its own.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	s.ExecIn(t, "postgres", statements...)
}

// ExecIn runs statements as superuser in a database, each on its own.
func (s *Server) ExecIn(t testing.TB, database string, statements ...string) {
	t.Helper()
	err := s.Super().In(database).Do(t.Context(), func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if err := pg.Exec(t.Context(), conn, statement, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Log returns what the server logged.
func (s *Server) Log(t testing.TB) string {
	t.Helper()
	content, err := os.ReadFile(s.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(content)
}
