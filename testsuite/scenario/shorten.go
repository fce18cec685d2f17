package scenario

import (
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/plan"
	"github.com/terragonlabs/holdfast/testsuite/stack/dataset"
)

// What a watch of seconds needs to be looser about.
//
// Throughput: sessions report their commits up to a second late (package observe),
// so the baseline's three seconds may count four seconds' work, and the five
// seconds here only four; and the pool may wait its server_login_retry of one
// second before it notices that writes are allowed again. A database that serves
// exactly as before then shows (3/5)/(4/3) = 0.45 of its baseline. Half of that is
// left to a machine whose two cores also run the stores, the servers and the
// workers. One that serves nobody shows 0.
//
// Latency: twelve probes make the baseline and twenty this figure, of a query that
// takes less than a millisecond, so the second slowest of twenty is compared with
// the slowest of twelve. On two busy cores two probes of twenty waited 36 ms for
// their turn, 43 times the baseline. A query that needs a second is seen.
const (
	minTPSRatio = 0.22
	maxP95Ratio = 100
	observation = 5 * time.Second
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
	s.changed("it may reach %.2f of the baseline's throughput instead of %.2f, and %.0f times its p95 instead of %.1f",
		minTPSRatio, watch.MinTPSRatio, float64(maxP95Ratio), watch.MaxP95Ratio)
	watch.MinTPSRatio, watch.MaxP95Ratio = minTPSRatio, maxP95Ratio
}

func (s *Scenario) changed(format string, args ...any) {
	s.Changes = append(s.Changes, fmt.Sprintf(format, args...))
}
