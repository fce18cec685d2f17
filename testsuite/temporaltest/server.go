package temporaltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"
)

// Server is a running dev server with the namespace default.
type Server struct {
	Address string // host:port
	Client  client.Client
}

// Start starts a dev server that ends with the test.
func Start(t testing.TB) Server {
	t.Helper()
	server, err := testsuite.StartDevServer(t.Context(), testsuite.DevServerOptions{
		ExistingPath: program(t), LogLevel: "error", ClientOptions: &client.Options{Logger: silent{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Client().Close()
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return Server{Address: server.FrontendHostPort(), Client: server.Client()}
}

// program finds temporal in HOLDFAST_TOOLS, then in PATH.
func program(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("HOLDFAST_TOOLS"); dir != "" {
		if path, err := exec.LookPath(filepath.Join(dir, "temporal")); err == nil {
			return path
		}
	}
	path, err := exec.LookPath("temporal")
	if err != nil {
		t.Fatalf("temporal is missing: make tools: %v", err)
	}
	return path
}

// silent drops what the SDK says about a server that is still starting.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
