package planning

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// Prefix begins the names of this package's activities.
const Prefix = "planning."

// Activities read the plan they were made with.
type Activities struct {
	plan *plan.Plan
}

// Ref names the activities for workflows; it is never called through.
var Ref *Activities

// New returns the activities for plan p.
func New(p *plan.Plan) *Activities { return &Activities{plan: p} }

// Question names what a run is about.
type Question struct {
	PlanHash plan.Hash `json:"plan_hash"`
	Scenario string    `json:"scenario"`
	Service  string    `json:"service"`
	Database string    `json:"database,omitempty"` // empty: the service's only one
}

// Extract returns what a run about one database needs of the plan. It reads only.
func (a *Activities) Extract(_ context.Context, in Question) (plan.Extract, error) {
	extract, err := a.extract(in)
	return extract, boundary.Out(err)
}

func (a *Activities) extract(in Question) (plan.Extract, error) {
	if err := a.plan.MustBe(in.PlanHash); err != nil {
		return plan.Extract{}, err
	}
	database := in.Database
	if database == "" {
		only, err := a.plan.DatabaseOf(in.Service)
		if err != nil {
			return plan.Extract{}, err
		}
		database = only.Name
	}
	extract, err := a.plan.ForDatabase(database, in.Scenario)
	if err != nil {
		return plan.Extract{}, err
	}
	if extract.Service.Name != in.Service {
		return plan.Extract{}, failure.Invalid("database", "%s belongs to service %s, not to %s", database, extract.Service.Name, in.Service).
			WithHint("leave the database out, or start the run for service %s: starter plan services lists them", extract.Service.Name)
	}
	return extract, nil
}
