package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/terragonlabs/holdfast/internal/binding"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/pg"
	"github.com/terragonlabs/holdfast/internal/pg/verify"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// as returns server as one of the plan's roles; empty is holdfast's own. One that
// is shut out is acted for: what it may see and do is the same.
func (t target) as(server pg.Server, role string, shut map[string]bool) (pg.Server, error) {
	switch {
	case role == "":
		return server, nil
	case shut[role]:
		server.Acting = role
		return server, nil
	}
	for _, known := range t.database.Roles {
		if known.Name == role {
			return binding.Login(server, known)
		}
	}
	return pg.Server{}, failure.New(failure.NotFound, "the plan has no role %q of database %s", role, t.database.Name).
		WithHint("add it to databases[].roles, or name another role for the check")
}

// judge puts what a query answered against the plan's expectation.
func judge(check plan.Check, got verify.Result) CheckResult {
	result := CheckResult{
		Name: check.Name, Status: CheckUnknown, Got: got.Got, Want: fmt.Sprintf("%s %s", check.Expect.Op, check.Expect.Value),
		Critical: check.Critical, Took: got.Took, Detail: got.Detail,
	}
	if got.Status == verify.Unknown && got.Got == "" {
		return result
	}
	met, err := check.Expect.Met(got.Got)
	switch {
	case err != nil:
		result.Detail = err.Error()
	case met:
		result.Status, result.Detail = CheckPassed, ""
	default:
		result.Status, result.Detail = CheckFailed, ""
	}
	return result
}

func resultOf(got verify.Result, critical bool) CheckResult {
	statuses := map[verify.Status]CheckStatus{verify.Passed: CheckPassed, verify.Failed: CheckFailed, verify.Unknown: CheckUnknown}
	status, known := statuses[got.Status]
	if !known {
		status = CheckUnknown
	}
	return CheckResult{Name: got.Name, Status: status, Got: got.Got, Want: got.Want, Critical: critical, Took: got.Took, Detail: got.Detail}
}

// timeQuery runs a critical query a few times and judges its slowest twentieth.
func timeQuery(ctx context.Context, server pg.Server, query plan.CriticalQuery) CheckResult {
	const samples = 5
	result := CheckResult{Name: "critical query " + query.Name, Status: CheckUnknown, Want: "within " + query.MaxLatency.String(), Critical: true}
	latency, err := verify.Measure(ctx, server, []string{query.SQL}, samples)
	if err != nil {
		result.Detail = err.Error()
		return result
	}
	result.Took, result.Got = latency.P95, latency.P95.Round(time.Microsecond).String()
	result.Status = CheckPassed
	if latency.P95 > query.MaxLatency.Std() {
		result.Status = CheckFailed
	}
	return result
}
