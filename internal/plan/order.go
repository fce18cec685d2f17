package plan

import (
	"slices"
	"strings"

	"github.com/terragonlabs/holdfast/internal/failure"
)

// Built-in components a service may depend on beside other services.
const (
	ComponentDNS      = "dns"
	ComponentRegistry = "registry"
)

// RecoveryOrder returns the names of services and of the built-in components
// they need, first to recover first: whatever a thing depends on comes before
// it; where the graph leaves a choice, the more urgent comes first. Something a
// P1 service depends on is as urgent as the P1 service. InvalidInput names the
// cycle where there is one, or the name that leads nowhere.
func (p *Plan) RecoveryOrder() ([]string, error) { return RecoveryOrder(p.Services) }

// RecoveryOrder is Plan.RecoveryOrder of a list of services.
func RecoveryOrder(services []Service) ([]string, error) {
	g, err := newGraph(services)
	if err != nil {
		return nil, err
	}
	if cycle := g.cycle(); cycle != nil {
		return nil, failure.Invalid("depends_on", "services wait for one another: %s", strings.Join(cycle, " → ")).
			WithHint("remove one of these dependencies")
	}
	g.inherit()
	return g.order(), nil
}

// graph is who depends on whom.
type graph struct {
	names   []string            // in the order of the plan; components first
	needs   map[string][]string // what a name depends on
	urgency map[string]int      // 0 is most urgent
}

func newGraph(services []Service) (*graph, error) {
	g := &graph{needs: map[string][]string{}, urgency: map[string]int{}}
	levels := Level("").Values()
	for _, component := range []string{ComponentDNS, ComponentRegistry} {
		used := slices.ContainsFunc(services, func(s Service) bool { return slices.Contains(s.DependsOn, component) })
		if used {
			g.names = append(g.names, component)
			g.urgency[component] = len(levels)
		}
	}
	for _, s := range services {
		g.names = append(g.names, s.Name)
		g.needs[s.Name] = s.DependsOn
		g.urgency[s.Name] = slices.Index(levels, string(s.Priority))
	}
	for _, s := range services {
		for _, need := range s.DependsOn {
			if _, known := g.urgency[need]; !known {
				return nil, failure.Invalid("depends_on", "%s depends on %q, which is no service of this plan", s.Name, clip(need)).
					WithHint("name a service of the plan, %s or %s", ComponentDNS, ComponentRegistry)
			}
		}
	}
	return g, nil
}

// cycle returns one closed walk through the graph, first name repeated at the
// end, or nil.
func (g *graph) cycle() []string {
	const walking, done = 1, 2
	state := map[string]int{}
	var walk []string
	var visit func(string) []string
	visit = func(name string) []string {
		if state[name] == walking {
			return append(slices.Clone(walk[slices.Index(walk, name):]), name)
		}
		if state[name] == done {
			return nil
		}
		state[name] = walking
		walk = append(walk, name)
		for _, need := range g.needs[name] {
			if found := visit(need); found != nil {
				return found
			}
		}
		walk = walk[:len(walk)-1]
		state[name] = done
		return nil
	}
	for _, name := range g.names {
		if found := visit(name); found != nil {
			return found
		}
	}
	return nil
}

// inherit makes everything at least as urgent as whatever waits for it. The
// graph has no cycle, so it ends.
func (g *graph) inherit() {
	var raise func(string, int)
	raise = func(name string, urgency int) {
		for _, need := range g.needs[name] {
			if g.urgency[need] > urgency {
				g.urgency[need] = urgency
				raise(need, urgency)
			}
		}
	}
	for _, name := range g.names {
		raise(name, g.urgency[name])
	}
}

// order takes, again and again, the most urgent name that waits for nothing.
func (g *graph) order() []string {
	placed := map[string]bool{}
	var out []string
	for len(out) < len(g.names) {
		best := ""
		for _, name := range g.names {
			if placed[name] || !g.ready(name, placed) {
				continue
			}
			if best == "" || g.urgency[name] < g.urgency[best] {
				best = name
			}
		}
		placed[best] = true
		out = append(out, best)
	}
	return out
}

func (g *graph) ready(name string, placed map[string]bool) bool {
	for _, need := range g.needs[name] {
		if !placed[need] {
			return false
		}
	}
	return true
}

func contains(list []string, name string) bool { return slices.Contains(list, name) }
