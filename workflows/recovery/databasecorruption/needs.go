package databasecorruption

import "github.com/terragonlabs/holdfast/internal/plan"

// Needs is what the plan's runbook must have for this workflow: the names it enters
// phases and asks at gates by.
func Needs() plan.Needs {
	return plan.Needs{Scenario: Scenario, Phases: phases(), Gates: gates()}
}

func phases() []string {
	return []string{assessment, preparation, restoration, validation, restart}
}

func gates() []string { return []string{gateRestore, gateCutOver} }
