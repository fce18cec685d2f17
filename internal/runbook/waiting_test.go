package runbook_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/terragonlabs/holdfast/internal/approval"
)

// TestARunThatWaitsIsFoundAsSuch: whoever looks for runs that wait for people finds
// this one while a gate is open.
func TestARunThatWaitsIsFoundAsSuch(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	const id = "waits"
	s.start(id, Input{Plan: extract(t)})
	s.rawSignal(id, "declare", s.signed("ann", approval.Declare, s.question(id, "declaration")))
	s.question(id, "gate:move")
	require.Eventually(t, func() bool {
		found, err := s.client.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{Query: `HoldfastState="waiting"`})
		return err == nil && len(found.GetExecutions()) == 1 && found.GetExecutions()[0].GetExecution().GetWorkflowId() == id
	}, 20*time.Second, 100*time.Millisecond)
}
