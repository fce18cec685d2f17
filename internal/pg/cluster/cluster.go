package cluster

import (
	"os"
	"path/filepath"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
)

// Config names one cluster on this host.
type Config struct {
	DataDir    string `json:"data_dir"`              // absolute
	BinDir     string `json:"bin_dir,omitempty"`     // default: found from the data directory's version
	ConfigFile string `json:"config_file,omitempty"` // where postgresql.conf lies elsewhere, as on Debian
	SocketDir  string `json:"socket_dir,omitempty"`  // where Start puts the Unix socket; default: the server's own setting
	Port       int    `json:"port,omitempty"`        // default: the server's own setting
	LogFile    string `json:"log_file,omitempty"`    // default: the data directory's name with .server.log
}

// Cluster is an existing data directory and the programs of its version.
type Cluster struct {
	Config
	Programs pg.Programs
}

// Open checks that config names a data directory and finds its programs.
// Errors: InvalidInput, NotFound, Refused (owned by root).
func Open(config Config) (*Cluster, error) {
	if !filepath.IsAbs(config.DataDir) {
		return nil, failure.Invalid("data_dir", "%q is not an absolute path", config.DataDir)
	}
	config.DataDir = filepath.Clean(config.DataDir)
	if config.LogFile == "" {
		config.LogFile = config.DataDir + ".server.log"
	}
	programs, err := pg.FindPrograms(config.BinDir, config.DataDir)
	if err != nil {
		return nil, err
	}
	return &Cluster{Config: config, Programs: programs}, nil
}

// Major returns the data directory's major version.
func (c *Cluster) Major() (pg.Major, error) { return pg.DataDirMajor(c.DataDir) }

// Server says how to reach the running cluster as user through its socket.
func (c *Cluster) Server(user string) pg.Server {
	return pg.Server{Host: c.SocketDir, Port: c.Port, User: user}
}

// path returns a path inside the data directory.
func (c *Cluster) path(name string) string { return filepath.Join(c.DataDir, name) }

// ensureLog creates the log file for the owner, who may not write beside the
// data directory.
func (c *Cluster) ensureLog() error {
	file, err := os.OpenFile(c.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return pg.ClassifyFile(err, "create log %s", c.LogFile)
	}
	if err := file.Close(); err != nil {
		return pg.ClassifyFile(err, "create log %s", c.LogFile)
	}
	return c.Programs.Owner.Give(c.LogFile)
}
