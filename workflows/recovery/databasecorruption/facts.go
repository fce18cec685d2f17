package databasecorruption

import (
	"go.temporal.io/sdk/workflow"

	"github.com/terragonlabs/holdfast/activities/postgres"
	"github.com/terragonlabs/holdfast/activities/routing"
	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
)

// readers is where readers were sent before the run sent them elsewhere.
type readers struct {
	queue  string // host of the endpoint
	before routing.Redirection
}

// at names the server on host for this run.
func (r *run) at(host plan.DatabaseHost) postgres.Where {
	return postgres.Where{PlanHash: r.plan.PlanHash, Database: r.plan.Database.Name, Host: host.Host, Run: r.name()}
}

// armed is at for what is destructive: it shows the host what people signed so far.
func (r *run) armed(host plan.DatabaseHost) postgres.Where {
	where := r.at(host)
	where.Warrant = r.Warrant(gateCutOver)
	return where
}

// redirect sends readers of the endpoint to a server, by what people signed so far.
func (r *run) redirect(in routing.Input, to routing.Server) routing.Redirection {
	return routing.Redirection{Input: in, To: to, Run: r.name(), Warrant: r.Warrant("")}
}

// on runs a step where host's disks are.
func (r *run) on(host plan.DatabaseHost) runbook.Option { return runbook.On(postgres.Queue(host.Host)) }

// serverOf returns where clients reach the server on host.
func (r *run) serverOf(host plan.DatabaseHost) routing.Server {
	for _, place := range r.plan.Hosts {
		if place.Name == host.Host {
			return routing.Server{Address: place.Address, Port: host.Port}
		}
	}
	return routing.Server{Address: host.Host, Port: host.Port}
}

// reporter is who vouches for the moment of disruption.
func (r *run) reporter() string {
	if r.in.Requester == "" {
		return "monitoring"
	}
	return r.in.Requester
}

func (r *run) rpoObjective() recovery.Objective {
	rpo := r.plan.Objective.RPO
	return recovery.Objective{Limit: max(rpo.Std(), 0), Any: rpo == plan.AcceptableLoss}
}

// name identifies the run in workspaces, undo records and idempotency keys.
func (r *run) name() string {
	execution := workflow.GetInfo(r.ctx)
	return execution.WorkflowExecution.ID + "/" + execution.FirstRunID
}

// rolesHeld names the roles of each person, for the report.
func (r *run) rolesHeld() map[string]string {
	held := map[string]string{}
	for _, role := range r.plan.Roles {
		for _, person := range []string{role.Primary, role.Backup} {
			switch {
			case person == "":
			case held[person] == "":
				held[person] = role.Title
			default:
				held[person] += ", " + role.Title
			}
		}
	}
	return held
}
