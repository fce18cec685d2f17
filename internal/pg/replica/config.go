package replica

import (
	"path/filepath"
	"regexp"
	"time"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Config names a replica and its new primary.
type Config struct {
	Run      string           // short, of letters, digits, '-' and '_'; part of directory names
	Replica  cluster.Config   // its directory, and how its server is started
	Upstream pg.Server        // the primary, as the replication role; its password goes into a passfile
	Admin    pg.Server        // the primary, as holdfast's own role: slots, positions
	Primary  cluster.Expected // the primary's identity
	Timeline wal.Timeline     // the primary's
	Slot     string           // physical slot on the primary; also the replica's application_name
	MaxLag   time.Duration    // a replica further behind is not ready; default 10 s
	Stop     cluster.StopOptions
	Progress func(Progress) // may be nil
}

// Progress is how a rebuild goes.
type Progress struct {
	Step       Step  `json:"step"`
	DoneBytes  int64 `json:"done_bytes,omitempty"`  // copied
	TotalBytes int64 `json:"total_bytes,omitempty"` // estimated; 0: unknown
}

const defaultMaxLag = 10 * time.Second

var (
	runName  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`) // src/backend/replication/slot.c
)

func (c Config) check() error {
	switch {
	case !runName.MatchString(c.Run):
		return failure.Invalid("run", "%.80q must be 1 to 64 letters, digits, '-' or '_'", c.Run)
	case !slotName.MatchString(c.Slot):
		return failure.Invalid("slot", "%.80q must be 1 to 63 lower-case letters, digits or '_'", c.Slot)
	case !filepath.IsAbs(c.Replica.DataDir):
		return failure.Invalid("data_dir", "%q is not an absolute path", c.Replica.DataDir)
	case c.Primary.SystemID == 0 || c.Timeline == 0:
		return failure.Invalid("primary", "system identifier and timeline must be given: a replica copies a named cluster")
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.Replica.DataDir = filepath.Clean(c.Replica.DataDir)
	if c.Replica.LogFile == "" {
		c.Replica.LogFile = c.dataDir() + ".server.log"
	}
	if c.MaxLag <= 0 {
		c.MaxLag = defaultMaxLag
	}
	return c
}

func (c Config) dataDir() string       { return c.Replica.DataDir }
func (c Config) buildingDir() string   { return c.dataDir() + ".rebuilding-" + c.Run }
func (c Config) claimFile() string     { return c.buildingDir() + ".claim" }
func (c Config) oldDir() string        { return c.dataDir() + ".replaced-" + c.Run }
func (c Config) rebuiltDir() string    { return c.dataDir() + ".rebuilt-" + c.Run }
func (c Config) tablespaceDir() string { return c.dataDir() + ".tablespaces-" + c.Run }
func (c Config) undoneFile() string    { return c.dataDir() + ".undone-" + c.Run }
func (c Config) passFile() string      { return c.dataDir() + ".pgpass" }

// at is the replica's cluster in another directory.
func (c Config) at(dir string) (*cluster.Cluster, error) {
	config := c.Replica
	config.DataDir = dir
	return cluster.Open(config)
}
