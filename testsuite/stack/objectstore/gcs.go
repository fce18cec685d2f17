package objectstore

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// GCS is a running GCS server. It checks no credentials.
type GCS struct {
	Endpoint string // http://127.0.0.1:port, for STORAGE_EMULATOR_HOST; the public address
	// DataDir holds one directory per bucket, or is empty when the server keeps
	// everything in memory.
	DataDir string

	process *process
}

// GCSOptions choose where the server keeps objects.
type GCSOptions struct {
	// Memory keeps objects in the server's memory: versions work, and all is gone
	// when it stops. Otherwise objects are files and there are no versions.
	Memory bool
	// Public gives the address by which clients reach the server that listens at
	// address, where something stands between; nil: address itself.
	Public func(address string) (string, error)
}

// StartGCS starts a server that writes to dir only its log and, unless
// opts.Memory is set, its buckets.
func StartGCS(ctx context.Context, dir string, opts GCSOptions) (*GCS, error) {
	server := &GCS{}
	backend := []string{"-backend", "memory"}
	if !opts.Memory {
		server.DataDir = filepath.Join(dir, "data")
		if err := os.MkdirAll(server.DataDir, 0o700); err != nil {
			return nil, failure.Wrap(failure.Unavailable, err, "create %s", server.DataDir)
		}
		backend = []string{"-backend", "filesystem", "-filesystem-root", server.DataDir}
	}
	var err error
	server.process, err = launch(ctx, "fake-gcs-server", dir, func(host, port string) ([]string, error) {
		public, err := opts.public(net.JoinHostPort(host, port))
		if err != nil {
			return nil, err
		}
		server.Endpoint = "http://" + public
		// The server routes by Host, and answers uploads with links to external-url:
		// both must name the address clients use.
		args := []string{
			"-scheme", "http", "-host", host, "-port", port, "-public-host", public,
			"-external-url", server.Endpoint, "-log-level", "error", "-data", filepath.Join(dir, "none"),
		}
		return append(args, backend...), nil
	})
	if err != nil {
		return nil, err
	}
	return server, nil
}

func (o GCSOptions) public(address string) (string, error) {
	if o.Public == nil {
		return address, nil
	}
	return o.Public(address)
}

// Stop ends the server.
func (g *GCS) Stop() { g.process.close() }

// PID is the server's process, for tests that stop or kill it.
func (g *GCS) PID() int { return g.process.cmd.Process.Pid }

// Kill ends the server at once, as a lost machine does.
func (g *GCS) Kill() { g.process.kill() }

// Again starts the server after its end, at its address. What it kept in memory is gone.
func (g *GCS) Again(ctx context.Context) (err error) {
	g.process, err = g.process.again(ctx)
	return err
}

// CreateBucket creates a bucket, with versions when versioned is set (which
// needs GCSOptions.Memory). A bucket that exists is left as it is.
func (g *GCS) CreateBucket(ctx context.Context, name string, versioned bool) error {
	client, err := storage.NewClient(ctx, option.WithEndpoint(g.Endpoint+"/storage/v1/"), option.WithoutAuthentication())
	if err != nil {
		return failure.Wrap(failure.Internal, err, "make GCS client")
	}
	defer client.Close() //nolint:errcheck // holds no data
	err = client.Bucket(name).Create(ctx, "holdfast", &storage.BucketAttrs{VersioningEnabled: versioned})
	var answered *googleapi.Error
	if errors.As(err, &answered) && answered.Code == http.StatusConflict {
		return nil
	}
	return failure.Wrap(failure.Unavailable, err, "create bucket %s", name)
}
