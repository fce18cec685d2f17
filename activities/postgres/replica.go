package postgres

import (
	"context"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// RebuildReplica is completed in the next commit.
func (a *Activities) RebuildReplica(context.Context, ReplicaInput) (Replica, error) {
	return Replica{}, boundary.Out(failure.New(failure.Internal, "not built yet"))
}

// RestoreReplica is completed in the next commit.
func (a *Activities) RestoreReplica(context.Context, ReplicaInput) (Replica, error) {
	return Replica{}, boundary.Out(failure.New(failure.Internal, "not built yet"))
}
