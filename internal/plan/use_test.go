package plan_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

// TestRunningNeedsKeys: a plan without keys may be published, not run.
func TestRunningNeedsKeys(t *testing.T) {
	p, _ := load(t, shipped()["ai-scientist"])
	require.Empty(t, p.Check(plan.ForReading).Errors())
	found := p.Check(plan.ForRunning).Errors()
	text := messages(found)
	require.Contains(t, text, "gate restore wants 1 approvals, but 0 of its people can sign")
	require.Contains(t, text, "host db1 has no signing key")
	require.NotZero(t, found[0].Position.Line)
	require.NotEmpty(t, found[0].Excerpt)

	whole, _ := load(t, shipped()["second"])
	require.Empty(t, whole.Check(plan.ForRunning))
}

func TestObjectivesTheStricterHolds(t *testing.T) {
	p, _ := load(t, shipped()["ai-scientist"])
	for service, want := range map[string]plan.Effective{
		"database":          {RTO: plan.Duration(4 * time.Hour), RTOFrom: "priority P1", RPO: plan.RPO(time.Hour), RPOFrom: "priority P1"},
		"monitoring":        {RTO: plan.Duration(8 * time.Hour), RTOFrom: "priority P2", RPO: plan.RPO(4 * time.Hour), RPOFrom: "priority P2"},
		"logging":           {RTO: plan.Duration(8 * time.Hour), RTOFrom: "priority P2", RPO: plan.RPO(4 * time.Hour), RPOFrom: "priority P2"},
		"development-tools": {RTO: plan.Duration(24 * time.Hour), RTOFrom: "priority P3", RPO: plan.RPO(4 * time.Hour), RPOFrom: "data class configuration-data"},
		"reporting":         {RTO: plan.Duration(72 * time.Hour), RTOFrom: "priority P4", RPO: plan.RPO(4 * time.Hour), RPOFrom: "data class configuration-data"},
	} {
		got, err := p.Objective(service)
		require.NoError(t, err)
		require.Equal(t, want, got, service)
	}
	_, err := p.Objective("nothing")
	require.True(t, failure.Is(err, failure.NotFound))
}

func TestExtract(t *testing.T) {
	for name, path := range shipped() {
		p, _ := load(t, path)
		for _, db := range p.Databases {
			got, err := p.ForDatabase(db.Name, "database-corruption")
			require.NoError(t, err, name)
			raw, err := json.Marshal(got)
			require.NoError(t, err)
			require.LessOrEqual(t, len(raw), plan.MaxExtractBytes)
			t.Logf("%s/%s: %d bytes of JSON", name, db.Name, len(raw))
			var again plan.Extract
			require.NoError(t, json.Unmarshal(raw, &again))
			second, err := json.Marshal(again)
			require.NoError(t, err)
			require.JSONEq(t, string(raw), string(second))
			require.Equal(t, got.Objective, again.Objective)
			require.Equal(t, p.Hash(), got.PlanHash)
			require.NotEmpty(t, got.Notify)
			require.NotEmpty(t, got.Escalation)
			require.NotEmpty(t, got.Hosts[0].Address)
		}
		_, err := p.ForDatabase("nothing", "database-corruption")
		require.True(t, failure.Is(err, failure.NotFound))
		_, err = p.ForDatabase(p.Databases[0].Name, "nothing")
		require.True(t, failure.Is(err, failure.NotFound))
	}
}

func TestExtractIsBounded(t *testing.T) {
	p, _ := load(t, shipped()["second"])
	p.Databases[0].Checks[0].SQL = strings.Repeat("x", plan.MaxExtractBytes)
	_, err := p.ForDatabase("bookings", "database-corruption")
	require.True(t, failure.Is(err, failure.InvalidInput))
	p.Runbooks[0].Services = []string{"archive"}
	_, err = p.ForDatabase("ledger", "database-corruption")
	require.ErrorContains(t, err, "does not cover service invoicing")
}

func TestAddressees(t *testing.T) {
	p, _ := load(t, shipped()["second"])
	got, err := p.Addressees("all", "officer-a", "harbour-office")
	require.NoError(t, err)
	var ids []string
	for _, a := range got {
		ids = append(ids, a.ID)
	}
	require.Equal(t, []string{"harbour-office", "officer-a", "officer-b", "officer-c", "officer-d"}, ids)
	_, err = p.Addressees("nobody")
	require.True(t, failure.Is(err, failure.NotFound))
	require.Equal(t, []string{"officer-c", "officer-d"}, p.Holders("engineer"))
}

func TestLoadClassesWhatItCannotRead(t *testing.T) {
	_, _, err := plan.Load(filepath.Join(t.TempDir(), "absent.yaml"))
	require.True(t, failure.Is(err, failure.NotFound))
	_, _, err = plan.Load(t.TempDir())
	require.Error(t, err)
	huge := filepath.Join(t.TempDir(), "huge.yaml")
	require.NoError(t, os.WriteFile(huge, make([]byte, 2*plan.MaxBytes), 0o600))
	p, findings, err := plan.Load(huge)
	require.Nil(t, p)
	require.True(t, failure.Is(err, failure.InvalidInput))
	require.Contains(t, messages(findings), "larger than a plan may be")
}
