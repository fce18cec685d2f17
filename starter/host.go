package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
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
		return server{}, failure.New(failure.ClassOf(err), "%s", err).WithHint("the plan's servers of %s: %s", database.Name, strings.Join(hostsOf(database), ", "))
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

// hostsOf names the hosts of a database's servers.
func hostsOf(database plan.Database) []string {
	var names []string
	for _, one := range database.Hosts {
		names = append(names, one.Host)
	}
	return names
}

// besideSelf is where a program that was installed with this one is.
func besideSelf(name string) string {
	self, err := os.Executable()
	if err != nil {
		return name // found, if at all, by whoever runs it
	}
	return filepath.Join(filepath.Dir(self), name)
}
