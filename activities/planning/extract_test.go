package planning_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/activities/planning"
	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// loaded is an invented company's plan: two services with one database each.
func loaded(t *testing.T) *plan.Plan {
	t.Helper()
	p, _, err := plan.Load(filepath.Join("..", "..", "internal", "plan", "testdata", "second.yaml"))
	require.NoError(t, err)
	return p
}

func TestExtract(t *testing.T) {
	t.Parallel()
	p := loaded(t)
	twice := *p
	twice.Databases = append(twice.Databases[:2:2], p.Databases[0])
	twice.Databases[2].Name = "bookings-2"
	const scenario = "database-corruption"
	for name, row := range map[string]struct {
		plan  *plan.Plan
		ask   planning.Question
		class failure.Class
		says  string
	}{
		"no hash":           {p, planning.Question{Scenario: scenario, Service: "booking-desk"}, failure.IdentityMismatch, "holds plan"},
		"another plan":      {p, planning.Question{PlanHash: plan.HashOf([]byte("x")), Scenario: scenario, Service: "booking-desk"}, failure.IdentityMismatch, "holds plan"},
		"unknown service":   {p, planning.Question{PlanHash: p.Hash(), Scenario: scenario, Service: "tide"}, failure.NotFound, `no service "tide"`},
		"without database":  {p, planning.Question{PlanHash: p.Hash(), Scenario: scenario, Service: "archive"}, failure.NotFound, "with a database"},
		"several databases": {&twice, planning.Question{PlanHash: p.Hash(), Scenario: scenario, Service: "booking-desk"}, failure.InvalidInput, "bookings-2"},
		"another's":         {p, planning.Question{PlanHash: p.Hash(), Scenario: scenario, Service: "booking-desk", Database: "ledger"}, failure.InvalidInput, "belongs to service invoicing"},
		"unknown database":  {p, planning.Question{PlanHash: p.Hash(), Scenario: scenario, Service: "booking-desk", Database: "tides"}, failure.NotFound, "tides"},
		"unknown scenario":  {p, planning.Question{PlanHash: p.Hash(), Scenario: "flood", Service: "booking-desk"}, failure.NotFound, "flood"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := planning.New(row.plan).Extract(t.Context(), row.ask)
			err = boundary.In(err)
			require.Equal(t, row.class, failure.ClassOf(err), "%v", err)
			require.ErrorContains(t, err, row.says)
			require.NotEmpty(t, failure.HintOf(err), "names the next command")
		})
	}
}

func TestExtractOfTheOnlyDatabase(t *testing.T) {
	t.Parallel()
	p := loaded(t)
	for _, database := range []string{"", "bookings"} {
		got, err := planning.New(p).Extract(t.Context(), planning.Question{
			PlanHash: p.Hash(), Scenario: "database-corruption", Service: "booking-desk", Database: database,
		})
		require.NoError(t, err)
		require.Equal(t, "bookings", got.Database.Name)
		require.Equal(t, "booking-desk", got.Service.Name)
		require.Len(t, got.People, 4)
	}
}
