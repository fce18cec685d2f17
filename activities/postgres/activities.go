package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/keyring"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/cluster"
	"github.com/terragonlabs/holdfast/internal/pg/restore"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
)

// Config is what a host's worker has to work with.
type Config struct {
	Plan       *plan.Plan
	Host       string // this host's name in the plan
	Stores     []store.Store
	Trust      keyring.Trust
	Recipients keyring.Recipients
	Signer     keyring.Signer // signs this host's backups
	StateDir   string         // index, journals and fence records; survives restarts
	WALProgram string         // the small binary that PostgreSQL calls
	Log        *zap.Logger
}

// Activities work on the servers of one host.
type Activities struct {
	Config

	backups trials
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities of one host.
func New(c Config) *Activities { return &Activities{Config: c} }

// target is one server that an input names, resolved in this worker's own plan.
type target struct {
	database  plan.Database
	host      plan.DatabaseHost
	run       string
	workspace restore.Workspace
}

// resolve finds what an input names. It refuses another plan, and another host:
// a path is only ever that of the host this worker runs on.
func (a *Activities) resolve(in Where) (target, error) {
	if err := a.Plan.MustBe(in.PlanHash); err != nil {
		return target{}, err
	}
	if in.Host != a.Host {
		return target{}, failure.New(failure.IdentityMismatch, "this worker runs on host %q, the request is for %q", a.Host, in.Host).
			WithHint("check which task queue each worker polls: worker run --host %s", in.Host)
	}
	database, err := a.Plan.Database(in.Database)
	if err != nil {
		return target{}, err
	}
	host, err := binding.DatabaseHost(database, in.Host)
	if err != nil {
		return target{}, err
	}
	if in.Run == "" {
		return target{}, failure.Invalid("run", "is required")
	}
	dir := filepath.Join(host.Workspace, ShortRun(in.Run))
	return target{database: database, host: host, run: in.Run, workspace: restore.Workspace{Dir: dir, Run: in.Run}}, nil
}

// ShortRun is a run's name in directory names: short, for a socket's path may
// have some hundred bytes only.
func ShortRun(run string) string {
	sum := sha256.Sum256([]byte(run))
	return "run-" + hex.EncodeToString(sum[:5])
}

// open returns one of the two clusters of a recovery.
func (t target) open(side Side) (*cluster.Cluster, error) {
	switch side {
	case Serving:
		return cluster.Open(t.serving())
	case Restored:
		return cluster.Open(t.restored())
	case Aside:
	}
	return nil, failure.Invalid("side", "%.20q is neither %s nor %s", side, Serving, Restored)
}

func (t target) serving() cluster.Config {
	return cluster.Config{
		DataDir: t.host.DataDir, BinDir: t.host.BinDir, ConfigFile: t.host.ConfigFile, SocketDir: t.host.SocketDir, Port: t.host.Port,
	}
}

func (t target) restored() cluster.Config {
	return cluster.Config{
		DataDir: t.workspace.DataDir(), BinDir: t.host.BinDir, SocketDir: t.workspace.SocketDir(), Port: t.host.AsidePort,
	}
}

// server returns how holdfast reaches one of the two clusters, in the database
// the plan protects.
func (t target) server(side Side) (pg.Server, error) {
	if side == Restored {
		return pg.Server{Host: t.workspace.SocketDir(), Port: t.host.AsidePort, Database: t.database.DBName, User: t.database.Superuser}, nil
	}
	return binding.Server(t.database, t.host)
}

// logins are the application's own ways in as the named roles.
func (t target) logins(server pg.Server, names []string) ([]pg.Server, error) {
	var logins []pg.Server
	for _, role := range t.database.Roles {
		if !slices.Contains(names, role.Name) {
			continue
		}
		login, err := binding.Login(server, role)
		if err != nil {
			return nil, err
		}
		logins = append(logins, login)
	}
	return logins, nil
}

// expected turns a contract identity into what a directory must be.
func expected(id Identity) cluster.Expected {
	return cluster.Expected{SystemID: id.SystemID, Incarnation: id.Incarnation}
}
