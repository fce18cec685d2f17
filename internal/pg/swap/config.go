package swap

import (
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Config names the two clusters and the places they change.
type Config struct {
	Run       string                // short, of letters, digits, '-' and '_'; part of directory names
	Service   cluster.Config        // the service's data directory, and how its server is started
	Login     pg.Server             // the service port, as holdfast's own role
	Workspace cluster.Config        // the restored cluster, isolated, in its workspace
	Aside     Aside                 // how the damaged cluster is read afterwards
	Damaged   Identity              // expected
	Restored  Identity              // expected, after its promotion
	Stop      cluster.StopOptions   // bounds of each shutdown
	Progress  func(Move, time.Time) // before each move; may be nil
}

// Identity is a cluster a move expects.
type Identity struct {
	cluster.Expected
	Timeline wal.Timeline // 0: not compared
}

// Aside says how the damaged cluster is started, readable only, after cut-over.
type Aside struct {
	Port      int
	SocketDir string        // private to it; made when missing
	Superuser string        // trusted on that socket; default "postgres"
	Readers   []string      // roles that may look at it, with their passwords, also over 127.0.0.1
	Limit     time.Duration // of waiting for it; default one minute
}

var runName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (c Config) check() error {
	switch {
	case !runName.MatchString(c.Run):
		return failure.Invalid("run", "%.80q must be 1 to 64 letters, digits, '-' or '_'", c.Run)
	case !filepath.IsAbs(c.Service.DataDir) || !filepath.IsAbs(c.Workspace.DataDir):
		return failure.Invalid("data_dir", "service and workspace need absolute paths")
	case c.Damaged.SystemID == 0 || c.Damaged.SystemID != c.Restored.SystemID:
		return failure.New(failure.IdentityMismatch, "the damaged cluster is system %s, the restored one %s: they must be the same",
			c.Damaged.SystemID, c.Restored.SystemID)
	case c.Restored.Incarnation == "" || c.Restored.Incarnation == c.Damaged.Incarnation:
		return failure.Invalid("restored.incarnation", "%q must be given and differ from the damaged cluster's", c.Restored.Incarnation)
	case c.Restored.Timeline == 0:
		return failure.Invalid("restored.timeline", "must be given: it says which WAL is the restored cluster's own")
	case c.Damaged.AnyIncarnation || c.Restored.AnyIncarnation:
		return failure.Invalid("incarnation", "only an exact one tells the two clusters apart")
	case c.Aside.Port < 1 || c.Aside.Port > 65535 || c.Aside.Port == c.Login.Port:
		return failure.Invalid("aside.port", "%d must be a port other than the service's", c.Aside.Port)
	case !filepath.IsAbs(c.Aside.SocketDir):
		return failure.Invalid("aside.socket_dir", "%q is not an absolute path", c.Aside.SocketDir)
	}
	for _, role := range append([]string{c.Aside.Superuser}, c.Aside.Readers...) {
		if strings.ContainsAny(role, "\n\r\x00") {
			return failure.Invalid("aside", "role %q cannot stand in pg_hba.conf", role)
		}
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Service.DataDir, c.Workspace.DataDir = filepath.Clean(c.Service.DataDir), filepath.Clean(c.Workspace.DataDir)
	if c.Aside.Superuser == "" {
		c.Aside.Superuser = "postgres"
	}
	if c.Aside.Limit <= 0 {
		c.Aside.Limit = time.Minute
	}
	return c
}

func (c Config) dataDir() string       { return c.Service.DataDir }
func (c Config) asideDir() string      { return c.dataDir() + ".damaged-" + c.Run }
func (c Config) keptDir() string       { return c.dataDir() + ".restored-" + c.Run }
func (c Config) tablespaceDir() string { return c.dataDir() + ".tablespaces-" + c.Run }
func (c Config) recordFile() string    { return c.dataDir() + ".swap-" + c.Run + ".json" }
func (c Config) dirOf(p Place) string {
	switch p {
	case AtData:
		return c.dataDir()
	case AtAside:
		return c.asideDir()
	case AtKept:
		return c.keptDir()
	case AtWorkspace:
		return c.Workspace.DataDir
	case Nowhere:
	}
	return ""
}

// clusterAt is how the server of a place is started and stopped.
func (c Config) clusterAt(p Place) cluster.Config {
	switch p {
	case AtAside:
		return cluster.Config{
			DataDir: c.asideDir(), BinDir: c.Service.BinDir, ConfigFile: c.Service.ConfigFile,
			SocketDir: c.Aside.SocketDir, Port: c.Aside.Port, LogFile: c.asideDir() + ".server.log",
		}
	case AtWorkspace:
		return c.Workspace
	case AtData, AtKept, Nowhere:
	}
	config := c.Service
	config.DataDir = c.dirOf(p)
	return config
}
