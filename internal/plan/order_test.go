package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/plan"
)

func TestRecoveryOrderOfShippedPlans(t *testing.T) {
	want := map[string][]string{
		"ai-scientist": {
			"dns", "registry", "database", "authentication", "ai-research-pipeline",
			"monitoring", "logging", "api-gateway", "development-tools", "documentation", "analytics", "reporting",
		},
		"second": {"dns", "registry", "booking-desk", "gate-terminal", "invoicing", "archive"},
	}
	for name, path := range shipped() {
		p, _ := load(t, path)
		got, err := p.RecoveryOrder()
		require.NoError(t, err)
		require.Equal(t, want[name], got)
	}
}

func TestRecoveryOrder(t *testing.T) {
	service := func(name string, level plan.Level, needs ...string) plan.Service {
		return plan.Service{Name: name, Priority: level, DependsOn: needs}
	}
	for name, test := range map[string]struct {
		services []plan.Service
		want     []string
	}{
		"priority alone":            {[]plan.Service{service("low", "P4"), service("top", "P1"), service("mid", "P2")}, []string{"top", "mid", "low"}},
		"graph before priority":     {[]plan.Service{service("top", "P1", "low"), service("low", "P4")}, []string{"low", "top"}},
		"what P1 needs precedes P2": {[]plan.Service{service("mid", "P2"), service("top", "P1", "low"), service("low", "P4")}, []string{"low", "top", "mid"}},
		"urgency passes through":    {[]plan.Service{service("mid", "P2"), service("a", "P1", "b"), service("b", "P3", "c"), service("c", "P4")}, []string{"c", "b", "a", "mid"}},
		"order of the plan":         {[]plan.Service{service("b", "P1"), service("a", "P1")}, []string{"b", "a"}},
		"nothing":                   {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := plan.RecoveryOrder(test.services)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	_, err := plan.RecoveryOrder([]plan.Service{service("a", "P1", "b"), service("b", "P1", "c"), service("c", "P1", "b")})
	require.True(t, failure.Is(err, failure.InvalidInput))
	require.ErrorContains(t, err, "b → c → b")
	_, err = plan.RecoveryOrder([]plan.Service{service("a", "P1", "a")})
	require.ErrorContains(t, err, "a → a")
	_, err = plan.RecoveryOrder([]plan.Service{service("a", "P1", "z")})
	require.ErrorContains(t, err, `a depends on "z"`)
}

// TestRecoveryOrderRespectsTheGraph: every service once, after all it needs;
// and of two services where neither waits for the other, nothing more urgent
// was left waiting without cause.
func TestRecoveryOrderRespectsTheGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 12).Draw(t, "n")
		services := make([]plan.Service, n)
		for i := range services {
			services[i] = plan.Service{
				Name:     fmt.Sprintf("s%d", i),
				Priority: rapid.SampledFrom([]plan.Level{"P1", "P2", "P3", "P4"}).Draw(t, "level"),
			}
			for k := range i { // edges lead backwards only: no cycle
				if rapid.IntRange(0, 3).Draw(t, "edge") == 0 {
					services[i].DependsOn = append(services[i].DependsOn, fmt.Sprintf("s%d", k))
				}
			}
		}
		shuffled := rapid.Permutation(services).Draw(t, "order of the plan")
		got, err := plan.RecoveryOrder(shuffled)
		if err != nil || len(got) != n {
			t.Fatalf("%v %v", got, err)
		}
		for _, s := range services {
			at := slices.Index(got, s.Name)
			for _, need := range s.DependsOn {
				if slices.Index(got, need) > at || at < 0 {
					t.Fatalf("%s before %s in %v", s.Name, need, got)
				}
			}
		}
		firstP1 := slices.IndexFunc(services, func(s plan.Service) bool { return s.Priority == "P1" && len(s.DependsOn) == 0 })
		if firstP1 >= 0 && !urgent(services, got[0]) {
			t.Fatalf("%s comes first though %s is P1 and waits for nothing", got[0], services[firstP1].Name)
		}
	})
}

// urgent reports whether a P1 service is, or waits for, name.
func urgent(services []plan.Service, name string) bool {
	for _, s := range services {
		if s.Name == name && s.Priority == "P1" {
			return true
		}
		if slices.Contains(s.DependsOn, name) && urgent(services, s.Name) {
			return true
		}
	}
	return false
}

func FuzzRecoveryOrder(f *testing.F) {
	f.Add([]byte{0, 1, 1, 2, 2, 0})
	f.Fuzz(func(t *testing.T, edges []byte) {
		services := make([]plan.Service, 8)
		for i := range services {
			services[i] = plan.Service{Name: fmt.Sprintf("s%d", i), Priority: "P2"}
		}
		for i := 0; i+1 < len(edges); i += 2 {
			from, to := int(edges[i])%8, int(edges[i+1])%8
			services[from].DependsOn = append(services[from].DependsOn, services[to].Name)
		}
		got, err := plan.RecoveryOrder(services)
		if err != nil {
			require.Contains(t, err.Error(), "→")
			return
		}
		require.Len(t, got, 8)
	})
}
