package dataset

import (
	"strconv"

	"github.com/terragonlabs/holdfast/internal/plan"
)

// Invariants are true of every data set that Load made, however much the
// application has written since.
func Invariants() []plan.Invariant {
	return []plan.Invariant{
		{Name: "no-orphaned-results", SQL: "SELECT NOT EXISTS (SELECT FROM results r LEFT JOIN experiments e ON e.id = r.experiment_id WHERE e.id IS NULL)"},
		{Name: "result-counts-agree", SQL: "SELECT (SELECT coalesce(sum(result_count), 0) FROM experiments) = (SELECT count(*) FROM results)"},
		{Name: "every-model-has-weights", SQL: "SELECT NOT EXISTS (SELECT FROM models WHERE weights_md5 = '' OR name = '')"},
	}
}

// Checks are what a recovered database must pass; role is the application's.
func Checks(role string, size Size) []plan.Check {
	return []plan.Check{
		{Name: "experiments-complete", SQL: "SELECT count(*) FROM experiments", Expect: plan.Expect{Op: plan.OpEqual, Value: decimal(size.Experiments)}, Critical: true},
		{Name: "models-complete", SQL: "SELECT count(*) FROM models", Expect: plan.Expect{Op: plan.OpEqual, Value: decimal(size.Models)}, Critical: true},
		{Name: "weights-intact", SQL: "SELECT count(*) FROM (SELECT * FROM models ORDER BY id LIMIT 200) m WHERE md5(weights) <> weights_md5", Expect: plan.Expect{Op: plan.OpEqual, Value: "0"}, Critical: true},
		{Name: "application-reads-results", SQL: "SELECT count(*) FROM results WHERE experiment_id = 1", Expect: plan.Expect{Op: plan.OpMore, Value: "0"}, Critical: true, Role: role},
	}
}

// Tables are those of interest, as schema.table, most precious first.
func Tables() []string {
	return []string{"public.experiments", "public.results", "public.models", "public.journal"}
}

func decimal(n int) string { return strconv.Itoa(n) }
