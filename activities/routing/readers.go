package routing

import (
	"context"

	"github.com/terragonlabs/holdfast/activities/evidence"
	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pgbouncer"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/store"
	"github.com/terragonlabs/holdfast/internal/warrant"
	"github.com/terragonlabs/holdfast/internal/warrant/guard"
)

// Prefix begins the names of this package's activities.
const Prefix = "routing."

// Config is what the endpoint's host has to work with.
type Config struct {
	Plan     *plan.Plan
	StateDir string // of this host; survives restarts
	Stores   []store.Store
}

// Activities redirect endpoints of the plan they were made with.
type Activities struct {
	Config
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities of one host.
func New(c Config) *Activities { return &Activities{Config: c} }

// Input names an endpoint.
type Input struct {
	PlanHash plan.Hash `json:"plan_hash"`
	Database string    `json:"database"`
}

// Redirection sends readers to the server of a host.
type Redirection struct {
	Input
	To   Server `json:"to"`
	Back bool   `json:"back,omitempty"` // to where they were before the run
	// Run they are moved for: workflow ID and first run ID. Warrant is what people
	// signed for it.
	Run     string           `json:"run,omitempty"`
	Warrant *warrant.Warrant `json:"warrant,omitempty"`
}

// Server is where readers are sent.
type Server struct {
	Address string `json:"address"` // host name, IP address, or socket directory
	Port    int    `json:"port"`
}

// String returns address:port.
func (s Server) String() string { return pgbouncer.Server{Host: s.Address, Port: s.Port}.String() }

// Readers returns where readers are sent now, as the endpoint itself says.
func (a *Activities) Readers(ctx context.Context, in Input) (Server, error) {
	r, err := a.route(in)
	if err != nil {
		return Server{}, boundary.Out(err)
	}
	now, err := r.current(ctx)
	return now, boundary.Out(err)
}

// SendReaders sends readers to another server and returns when the endpoint says
// that it does. Run twice it finds the route as wanted and reloads.
//
// Errors: those of guard.Guard.Admit where the run's warrant does not allow it;
// failure.Refused for a server that this host's plan does not name and where readers
// were not before.
func (a *Activities) SendReaders(ctx context.Context, in Redirection) (Server, error) {
	err := a.sendReaders(ctx, in)
	return in.To, boundary.Out(err)
}

func (a *Activities) sendReaders(ctx context.Context, in Redirection) error {
	r, err := a.route(in.Input)
	if err != nil {
		return err
	}
	g := guard.Guard{Plan: a.Plan, Dir: a.StateDir, Leases: evidence.Asking(a.Stores)}
	release, err := g.Admit(ctx, in.Warrant, warrant.Need{Run: in.Run, Service: r.database.Service, Database: r.database.Name, Undo: in.Back})
	if err != nil {
		return err
	}
	defer release()
	if err := a.requireKnown(ctx, r, in); err != nil {
		return err
	}
	return r.pooler.Redirect(ctx, r.database.Endpoint.ReaderEntry, pgbouncer.Server{Host: in.To.Address, Port: in.To.Port})
}

// route is a database's endpoint, resolved in this host's own plan.
type route struct {
	database plan.Database
	pooler   pgbouncer.Pooler
}

// current returns where the endpoint says that readers are sent.
func (r route) current(ctx context.Context) (Server, error) {
	now, err := r.pooler.Current(ctx, r.database.Endpoint.ReaderEntry)
	return Server{Address: now.Host, Port: now.Port}, err
}

func (a *Activities) route(in Input) (route, error) {
	if err := a.Plan.MustBe(in.PlanHash); err != nil {
		return route{}, err
	}
	database, err := a.Plan.Database(in.Database)
	if err != nil {
		return route{}, err
	}
	endpoint := database.Endpoint
	if endpoint.Kind != plan.EndpointPgBouncer {
		return route{}, failure.Invalid("database", "%s has no endpoint that can be redirected (endpoint.kind is %s)", in.Database, endpoint.Kind)
	}
	admin, err := config.WithPassword(endpoint.AdminConn, string(endpoint.AdminPassword))
	return route{database: database, pooler: pgbouncer.Pooler{ConfigFile: endpoint.ConfigFile, Admin: admin.Reveal()}}, err
}
