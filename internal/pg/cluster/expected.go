package cluster

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/wal"
)

// Expected names the cluster a destructive call means.
type Expected struct {
	SystemID    wal.SystemID `json:"system_id"`             // required
	Incarnation string       `json:"incarnation,omitempty"` // "" accepts only a directory without a marker, unless AnyIncarnation
	// AnyIncarnation accepts every incarnation of the system identifier.
	AnyIncarnation bool `json:"any_incarnation,omitempty"`
}

// Of returns what expects exactly this identity again.
func Of(i Identity) Expected {
	return Expected{SystemID: i.SystemID, Incarnation: i.Incarnation}
}

// Require reads the identity and refuses with IdentityMismatch, showing both,
// when it is not the expected one.
func (c *Cluster) Require(ctx context.Context, want Expected) (Identity, error) {
	if want.SystemID == 0 {
		return Identity{}, failure.Invalid("expected.system_id", "must be given: a destructive step names its cluster")
	}
	got, err := c.Identity(ctx)
	if err != nil {
		return Identity{}, err
	}
	return got, want.Match(c.DataDir, got)
}

// Match compares purely.
func (want Expected) Match(dataDir string, got Identity) error {
	if got.SystemID == want.SystemID && (want.AnyIncarnation || got.Incarnation == want.Incarnation) {
		return nil
	}
	return failure.New(failure.IdentityMismatch,
		"%s holds system %s, incarnation %q; expected system %s, incarnation %q",
		dataDir, got.SystemID, got.Incarnation, want.SystemID, want.Incarnation).
		WithHint("check the host and data directory of this database in the plan; nothing was changed")
}
