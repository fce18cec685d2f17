package e2e_test

import (
	"testing"

	"github.com/terragonlabs/holdfast/internal/recovery"
	"github.com/terragonlabs/holdfast/internal/runbook"
	"github.com/terragonlabs/holdfast/testsuite/scenario"
)

// TestBadMigrationIsUndone follows the whole runbook for logical damage.
func TestBadMigrationIsUndone(t *testing.T) {
	h := protected(t, nil)
	damage := h.damage(t, scenario.Delete)
	_, err := h.Start(h.ctx, damage)
	h.must(t, err)
	h.must(t, h.Follow(h.ctx, h.signer(t)))
	result, err := h.Result(h.ctx)
	h.must(t, err)
	if result.Summary.Outcome != runbook.Recovered {
		t.Errorf("outcome %s: %s", result.Summary.Outcome, result.Summary.Problem)
	}
	target := result.Choice.Target
	if target.Kind != recovery.TargetLSN || target.LSN < damage.Before || target.LSN > damage.After {
		t.Errorf("target %s, the damage was committed between %s and %s", target, damage.Before, damage.After)
	}
	h.Application.Stop()
	truth, err := h.Judge(h.ctx, damage)
	h.must(t, err)
	t.Logf("truth: %+v", truth)
	if !truth.Whole || truth.BeforeDamage != 0 {
		t.Errorf("after the recovery: %+v", truth)
	}
}
