package routing

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/config"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/pgbouncer"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Prefix begins the names of this package's activities.
const Prefix = "routing."

// Activities redirect endpoints of the plan they were made with.
type Activities struct {
	plan *plan.Plan
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities for plan p.
func New(p *plan.Plan) *Activities { return &Activities{plan: p} }

// Input names an endpoint.
type Input struct {
	PlanHash plan.Hash `json:"plan_hash"`
	Database string    `json:"database"`
}

// Redirection sends readers to the server of a host.
type Redirection struct {
	Input
	To Server `json:"to"`
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
	pooler, entry, err := a.pooler(in)
	if err != nil {
		return Server{}, boundary.Out(err)
	}
	now, err := pooler.Current(ctx, entry)
	return Server{Address: now.Host, Port: now.Port}, boundary.Out(err)
}

// SendReaders sends readers to another server and returns when the endpoint says
// that it does. Run twice it finds the route as wanted and reloads.
func (a *Activities) SendReaders(ctx context.Context, in Redirection) (Server, error) {
	pooler, entry, err := a.pooler(in.Input)
	if err != nil {
		return Server{}, boundary.Out(err)
	}
	err = pooler.Redirect(ctx, entry, pgbouncer.Server{Host: in.To.Address, Port: in.To.Port})
	return in.To, boundary.Out(err)
}

func (a *Activities) pooler(in Input) (pgbouncer.Pooler, string, error) {
	if err := a.plan.MustBe(in.PlanHash); err != nil {
		return pgbouncer.Pooler{}, "", err
	}
	database, err := a.plan.Database(in.Database)
	if err != nil {
		return pgbouncer.Pooler{}, "", err
	}
	endpoint := database.Endpoint
	if endpoint.Kind != plan.EndpointPgBouncer {
		return pgbouncer.Pooler{}, "", failure.Invalid("database", "%s has no endpoint that can be redirected (endpoint.kind is %s)", in.Database, endpoint.Kind)
	}
	admin, err := config.WithPassword(endpoint.AdminConn, string(endpoint.AdminPassword))
	return pgbouncer.Pooler{ConfigFile: endpoint.ConfigFile, Admin: admin.Reveal()}, endpoint.ReaderEntry, err
}
