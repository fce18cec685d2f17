package main

import (
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// defaultStateDir is where a host keeps its index of what it backed up.
const defaultStateDir = "/var/lib/holdfast"

// hostFlags say which host of the plan this is.
type hostFlags struct{ name string }

func (h *hostFlags) bind(flags *pflag.FlagSet) {
	flags.StringVar(&h.name, "host", os.Getenv("HOLDFAST_HOST"), "this host's name in the plan (default $HOLDFAST_HOST)")
}

// server is a database's PostgreSQL server on this host.
type server struct {
	host    plan.DatabaseHost
	pg      pg.Server
	cluster *cluster.Cluster
}

// serverOn opens the server of database on host, which must be this machine:
// its data directory is read.
func serverOn(database plan.Database, host string) (server, error) {
	if host == "" {
		return server{}, missingFlag("host", "name this host as the plan does: --host NAME, or set HOLDFAST_HOST")
	}
	described, err := binding.DatabaseHost(database, host)
	if err != nil {
		return server{}, err
	}
	reached, err := binding.Server(database, described)
	if err != nil {
		return server{}, err
	}
	opened, err := cluster.Open(cluster.Config{
		DataDir: described.DataDir, BinDir: described.BinDir, ConfigFile: described.ConfigFile,
		SocketDir: described.SocketDir, Port: described.Port,
	})
	return server{host: described, pg: reached, cluster: opened}, err
}

// besideSelf is where a program that was installed with this one is.
func besideSelf(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name // found, if at all, by whoever runs it
	}
	return filepath.Join(filepath.Dir(self), name)
}
