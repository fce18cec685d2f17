package plan

import "github.com/terragonlabs/holdfast/internal/failure"

// MustBe refuses to go on unless p is the plan with the given hash: what was
// approved under one plan is never done under another.
func (p *Plan) MustBe(want Hash) error {
	if p.Hash() == want && want != "" {
		return nil
	}
	return failure.New(failure.IdentityMismatch, "this process holds plan %.12s, the request was made for plan %.12s", p.Hash(), want).
		WithHint("restart the worker with the plan the run was started with, or start a new run: starter plan check --plan FILE prints the hash")
}
