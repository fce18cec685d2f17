package boundary_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	sdk "go.temporal.io/sdk/testsuite"

	"github.com/terragonlabs/holdfast/internal/failure"
	"github.com/terragonlabs/holdfast/internal/failure/boundary"
)

// cross sends err through a real activity boundary of the SDK.
func cross(t *testing.T, err error) error {
	t.Helper()
	var suite sdk.WorkflowTestSuite
	environment := suite.NewTestActivityEnvironment()
	activity := func(context.Context) error { return boundary.Out(err) }
	environment.RegisterActivity(activity)
	_, crossed := environment.ExecuteActivity(activity)
	return boundary.In(crossed)
}

func TestClassHintAndFieldCross(t *testing.T) {
	t.Parallel()
	sent := failure.Invalid("target.time", "is in the future").WithHint("choose an earlier one")
	got := cross(t, failure.Wrap(failure.InvalidInput, sent, "propose"))
	require.Equal(t, failure.InvalidInput, failure.ClassOf(got))
	require.Equal(t, "choose an earlier one", failure.HintOf(got))
	require.Contains(t, got.Error(), "target.time: is in the future")
}

func TestOnlyRetryableClassesAreRetried(t *testing.T) {
	t.Parallel()
	var applied *temporal.ApplicationError
	require.ErrorAs(t, boundary.Out(failure.New(failure.Unavailable, "down")), &applied)
	require.False(t, applied.NonRetryable())
	require.ErrorAs(t, boundary.Out(failure.New(failure.Corrupt, "bad byte")), &applied)
	require.True(t, applied.NonRetryable())
}

func TestFinalIsNotRetriedAndKeepsItsClass(t *testing.T) {
	t.Parallel()
	sent := boundary.Final(failure.New(failure.Unavailable, "down").WithHint("start it"))
	var applied *temporal.ApplicationError
	require.ErrorAs(t, sent, &applied)
	require.True(t, applied.NonRetryable())
	got := cross(t, sent)
	require.Equal(t, failure.Unavailable, failure.ClassOf(got))
	require.Equal(t, "start it", failure.HintOf(got))
	require.NoError(t, boundary.Final(nil))
}

func TestUnclassedErrorsAreUnknownNeverFine(t *testing.T) {
	t.Parallel()
	require.Equal(t, failure.Unknown, failure.ClassOf(cross(t, errors.New("who knows"))))
	require.NoError(t, boundary.Out(nil))
	require.NoError(t, boundary.In(nil))
}

func TestCancellationPasses(t *testing.T) {
	t.Parallel()
	canceled := temporal.NewCanceledError()
	require.True(t, temporal.IsCanceledError(boundary.Out(canceled)))
	require.True(t, temporal.IsCanceledError(boundary.In(canceled)))
}

func TestInTwiceIsInOnce(t *testing.T) {
	t.Parallel()
	once := cross(t, failure.New(failure.Corrupt, "bad byte").WithHint("take the other copy"))
	twice := boundary.In(once)
	require.Equal(t, failure.Corrupt, failure.ClassOf(twice))
	require.Equal(t, "take the other copy", failure.HintOf(twice))
}
