package main

import (
	"errors"
	"testing"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/temporal"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

func TestWhatTemporalAnswersHasAClass(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		want failure.Class
	}{
		"nothing":         {nil, ""},
		"no such run":     {serviceerror.NewNotFound("workflow not found"), failure.NotFound},
		"no worker":       {serviceerror.NewDeadlineExceeded("context deadline exceeded"), failure.Unavailable},
		"server busy":     {serviceerror.NewUnavailable("busy"), failure.Unavailable},
		"not begun":       {serviceerror.NewQueryFailed("unknown queryType status. KnownQueryTypes=[__stack_trace]"), failure.Unavailable},
		"not begun, told": {temporal.NewApplicationError("unknown update decide. KnownUpdates=[]", ""), failure.Unavailable},
		"second run":      {serviceerror.NewWorkflowExecutionAlreadyStarted("started", "", ""), failure.Refused},
		"refused by run":  {boundary.Out(failure.New(failure.Refused, "wrong role")), failure.Refused},
		"wrapped":         {temporal.NewApplicationError("bad", string(failure.Corrupt)), failure.Corrupt},
		"anything else":   {errors.New("who knows"), failure.Unknown},
	} {
		if got := failure.ClassOf(served(test.err, "recover/desk")); got != test.want {
			t.Errorf("%s: class %q, want %q", name, got, test.want)
		}
	}
}
