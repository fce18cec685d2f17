package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Needs is what the workflow of a scenario demands of the plan's runbook: it knows
// its phases and gates by name, and stops at its start where the plan has them not.
type Needs struct {
	Scenario string
	Phases   []string // in the workflow's order
	Gates    []string
}

// CheckNeeds judges a plan that was read without errors against the program that is
// to carry it out. A plan need not have a runbook for every workflow; one that it has
// must be the workflow's. A phase that no workflow enters is a warning.
func (p *Plan) CheckNeeds(needs ...Needs) Findings {
	r := newReader(p.source.name, nil)
	if p.source.positions != nil {
		r.lines, r.positions = p.source.lines, p.source.positions
	}
	for _, need := range needs {
		for i, rb := range p.Runbooks {
			if rb.Scenario == need.Scenario {
				r.checkNeed(fmt.Sprintf("runbooks[%d]", i), rb, need)
			}
		}
	}
	return r.done()
}

func (r *reader) checkNeed(at string, rb Runbook, need Needs) {
	var phases, gates []string
	for _, phase := range rb.Phases {
		phases = append(phases, phase.Name)
	}
	for _, gate := range rb.Gates {
		gates = append(gates, gate.Name)
	}
	r.lacks(at+".phases", "phase", phases, need.Phases, rb.Scenario)
	r.lacks(at+".gates", "gate", gates, need.Gates, rb.Scenario)
	var known []string
	for i, name := range phases {
		if !slices.Contains(need.Phases, name) {
			r.warnf(fmt.Sprintf("%s.phases[%d].name", at, i), "use "+strings.Join(need.Phases, ", "), "no step of %s is in a phase %q", rb.Scenario, clip(name))
			continue
		}
		known = append(known, name)
	}
	if len(known) == len(need.Phases) && !slices.Equal(known, need.Phases) {
		r.errorf(at+".phases", "write them as "+strings.Join(need.Phases, ", "), "the phases of %s are in another order than the workflow's", rb.Scenario)
	}
}

func (r *reader) lacks(at, what string, has, want []string, scenario string) {
	for _, name := range want {
		if !slices.Contains(has, name) {
			r.errorf(at, "add it; the workflow has "+strings.Join(want, ", "), "runbook %s has no %s %q, which its workflow needs", scenario, what, name)
		}
	}
}
