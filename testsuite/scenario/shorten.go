package scenario

import (
	"fmt"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// What a run of seconds needs to be looser about: on a laptop that also runs the
// stores, both servers and the workers, one slow second is a large share of five.
const (
	minTPSRatio = 0.5
	maxP95Ratio = 20
)

// shorten puts what is known about the data set into the plan and shortens the
// observation; every change is listed for people to see. Objectives, gates, roles
// and authority stay as they are.
func (s *Scenario) shorten() error {
	name := s.Database().Name
	for i := range s.Plan.Databases {
		if s.Plan.Databases[i].Name == name {
			s.shortenDatabase(&s.Plan.Databases[i])
		}
	}
	if s.options.Change != nil {
		s.options.Change(s.Plan)
	}
	return s.WritePlan()
}

func (s *Scenario) shortenDatabase(db *plan.Database) {
	checks := dataset.Checks(db.Roles[0].Name, s.options.Size)
	invariants := dataset.Invariants()
	s.changed("%d checks and %d invariants of the generated data are added", len(checks), len(invariants))
	db.Checks = append(db.Checks, checks...)
	db.Invariants = append(db.Invariants, invariants...)
	db.TablesOfInterest = dataset.Tables()
	watch := &db.Observation
	s.changed("the recovered database is watched for %s instead of %s", s.options.Observation, watch.Duration)
	watch.Duration = plan.Duration(s.options.Observation)
	s.changed("it may reach %.1f of the baseline's throughput instead of %.1f, and %.0f times its p95 instead of %.1f",
		minTPSRatio, watch.MinTPSRatio, float64(maxP95Ratio), watch.MaxP95Ratio)
	watch.MinTPSRatio, watch.MaxP95Ratio = minTPSRatio, maxP95Ratio
}

func (s *Scenario) changed(format string, args ...any) {
	s.Changes = append(s.Changes, fmt.Sprintf(format, args...))
}
